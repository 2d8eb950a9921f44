//! How far a command has come, and how long each of its steps took.

use std::io::Write as _;
use std::time::{Duration, Instant};

/// The steps of a command, counted while they are taken.
pub struct Steps {
    total: usize,
    begun: usize,
}

impl Steps {
    /// So many steps, none of them begun.
    pub fn of(total: usize) -> Self {
        Self { total, begun: 0 }
    }

    /// Announces the next step, takes it, and tells how long it took.
    ///
    /// # Errors
    /// Those of the step.
    pub fn take<T>(
        &mut self,
        what: &str,
        step: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.begun += 1;
        let place = format!("step {} of {}", self.begun, self.total);
        say(&format!("{place}: {what}"));
        let started = Instant::now();
        let outcome = step()?;
        say(&format!("{place} took {}", shown(started.elapsed())));
        Ok(outcome)
    }
}

/// A line on standard output; a reader that has gone away is no reason to stop.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn shown(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f32()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_the_unit_that_fits() {
        for (milliseconds, expected) in [
            (40, "0.0 s"),
            (1250, "1.2 s"),
            (59_900, "59.9 s"),
            (60_000, "1 min 0 s"),
            (125_000, "2 min 5 s"),
        ] {
            assert_eq!(shown(Duration::from_millis(milliseconds)), expected);
        }
    }

    #[test]
    fn a_step_that_fails_is_the_last() {
        let mut steps = Steps::of(2);

        assert_eq!(steps.take("one", || Ok(1)).unwrap(), 1);
        assert!(
            steps
                .take("two", || anyhow::bail!("no") as anyhow::Result<()>)
                .is_err()
        );
        assert_eq!(steps.begun, 2);
    }
}
