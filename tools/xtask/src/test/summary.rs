//! Counting tests by the lines that libtest prints.

use std::fmt;

/// How many tests passed, failed and were skipped so far. Shown as `3 passed, 0 failed, 1 skipped`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summary {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Summary {
    /// Adds what `line` counts, if it is a result line of libtest:
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`.
    pub fn read(&mut self, line: &str) {
        let Some((_verdict, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|result| result.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            match count
                .split_once(' ')
                .map(|(number, what)| (number.parse::<u64>(), what))
            {
                Some((Ok(number), "passed")) => self.passed += number,
                Some((Ok(number), "failed")) => self.failed += number,
                Some((Ok(number), "ignored")) => self.skipped += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(
            formatter,
            "{passed} passed, {failed} failed, {skipped} skipped"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary_of(lines: &[&str]) -> String {
        let mut summary = Summary::default();
        for line in lines {
            summary.read(line);
        }
        summary.to_string()
    }

    #[test]
    fn the_results_of_all_test_programs_add_up() {
        let lines = [
            "running 4 tests",
            "test a ... ok",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "",
            "test result: FAILED. 20 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.50s",
        ];

        assert_eq!(summary_of(&lines), "23 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn only_result_lines_count() {
        let lines = [
            "test result_lines: 9 passed",
            "7 passed; 1 failed",
            "a test result: ok. 3 passed; 0 failed",
            "test result: interrupted",
        ];

        assert_eq!(summary_of(&lines), "0 passed, 0 failed, 0 skipped");
    }
}
