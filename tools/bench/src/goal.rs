//! A goal that was judged.

use serde::Serialize;

/// A goal, and what was measured.
#[derive(Debug, Serialize)]
pub struct Goal {
    /// What was to be reached.
    pub aim: String,
    /// What was measured; none where it could not be.
    pub measured: Option<f64>,
    /// How the figure has to compare with the limit.
    pub bound: &'static str,
    /// The limit.
    pub limit: f64,
    /// Whether it was reached; none where it could not be judged.
    pub is_reached: Option<bool>,
}

impl Goal {
    /// A figure that has to be `limit` or less.
    pub fn at_most(aim: String, measured: Option<f64>, limit: f64) -> Self {
        Self::new(aim, measured, ("≤", f64::le), limit)
    }

    /// A figure that has to be `limit` or more.
    pub fn at_least(aim: String, measured: Option<f64>, limit: f64) -> Self {
        Self::new(aim, measured, ("≥", f64::ge), limit)
    }

    /// What came of it.
    pub fn verdict(&self) -> &'static str {
        match self.is_reached {
            Some(true) => "reached",
            Some(false) => "MISSED",
            None => "not judged",
        }
    }

    fn new(
        aim: String,
        measured: Option<f64>,
        (bound, is_within): (&'static str, fn(&f64, &f64) -> bool),
        limit: f64,
    ) -> Self {
        Self {
            aim,
            measured,
            bound,
            limit,
            is_reached: measured.map(|measured| is_within(&measured, &limit)),
        }
    }
}
