//! Counting tests by the lines that libtest prints, and those that say that they are skipped.

use std::collections::BTreeMap;
use std::fmt;

/// How many tests passed and failed so far, and which were skipped for which reason.
///
/// Shown as a list of the skipped, and the line `3 passed, 0 failed, 1 skipped`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summary {
    reported_passed: u64,
    failed: u64,
    ignored: u64,
    /// Tests of the step that runs, which libtest takes for passed, by name.
    skipped_here: BTreeMap<String, String>,
    /// All before that, as `name: reason`.
    skipped: Vec<String>,
    /// How many of those libtest has reported as passed.
    reported_skipped: u64,
}

impl Summary {
    /// Adds what `line` tells: that a test is skipped, or the counts of a result line of libtest:
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`.
    pub fn read(&mut self, line: &str) {
        if let Some(skipped) = line.strip_prefix("skipped: ")
            && let Some((test, reason)) = skipped.split_once(": ")
        {
            self.skipped_here.insert(test.to_owned(), reason.to_owned());
        }
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
                Some((Ok(number), "passed")) => self.reported_passed += number,
                Some((Ok(number), "failed")) => self.failed += number,
                Some((Ok(number), "ignored")) => self.ignored += number,
                _ => {}
            }
        }
    }

    /// Ends a step: what it skipped is told with its heading.
    pub fn end_step(&mut self, heading: &str) {
        for (test, reason) in std::mem::take(&mut self.skipped_here) {
            self.reported_skipped += 1;
            self.skipped.push(format!("{heading}, {test}: {reason}"));
        }
    }

    /// Adds a step that is skipped as a whole.
    pub fn skip_step(&mut self, heading: &str, reason: &str) {
        self.skipped.push(format!("{heading}: {reason}"));
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.skipped.len() as u64 + self.ignored;
        if skipped > 0 {
            writeln!(formatter, "skipped:")?;
        }
        for test in &self.skipped {
            writeln!(formatter, "  {test}")?;
        }
        if self.ignored > 0 {
            writeln!(formatter, "  {} marked #[ignore]", self.ignored)?;
        }
        let passed = self.reported_passed.saturating_sub(self.reported_skipped);
        let failed = self.failed;
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
        summary.end_step("a step");
        summary.to_string()
    }

    #[test]
    fn the_results_of_all_test_programs_add_up() {
        let lines = [
            "running 4 tests",
            "test a ... ok",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "",
            "test result: FAILED. 20 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.50s",
        ];

        assert_eq!(summary_of(&lines), "23 passed, 2 failed, 0 skipped");
    }

    #[test]
    fn only_result_lines_count() {
        let lines = [
            "test result_lines: 9 passed",
            "7 passed; 1 failed",
            "a test result: ok. 3 passed; 0 failed",
            "test result: interrupted",
            "not skipped: a: reason",
        ];

        assert_eq!(summary_of(&lines), "0 passed, 0 failed, 0 skipped");
    }

    #[test]
    fn a_test_that_says_that_it_is_skipped_has_not_passed_and_is_listed_with_its_reason() {
        let lines = [
            "skipped: clients::wget: wget is missing",
            "test clients::wget ... ok",
            "skipped: metadata::a: on Spin: it cannot",
            "skipped: metadata::a: on Spin: it cannot",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ];

        assert_eq!(
            summary_of(&lines),
            "skipped:\n  a step, clients::wget: wget is missing\n  \
             a step, metadata::a: on Spin: it cannot\n  1 marked #[ignore]\n\
             1 passed, 0 failed, 3 skipped"
        );
    }

    #[test]
    fn one_test_may_be_skipped_in_each_of_several_steps_and_a_step_as_a_whole() {
        let mut summary = Summary::default();
        for step in ["on MinIO", "on SeaweedFS"] {
            summary.read("skipped: a: b");
            summary.read("test result: ok. 2 passed; 0 failed");
            summary.end_step(step);
        }
        summary.skip_step("lints", "no clippy");

        assert_eq!(
            summary.to_string(),
            "skipped:\n  on MinIO, a: b\n  on SeaweedFS, a: b\n  lints: no clippy\n\
             2 passed, 0 failed, 3 skipped"
        );
    }
}
