//! A goal before it is judged: the figure that decides, and its limit.

use crate::goal::Goal;
use crate::question::Question;
use crate::report::{Report, Row};

/// A goal before it is judged.
pub struct Aim {
    /// What is to be reached.
    pub what: String,
    /// What is measured.
    pub figure: Figure,
    /// How it has to compare with the limit.
    pub bound: Bound,
    /// The limit.
    pub limit: f64,
}

/// Makes a goal of what was to be reached, what was measured, and the limit.
pub type Bound = fn(String, Option<f64>, f64) -> Goal;

/// What decides of a goal.
pub enum Figure {
    /// A figure of a subject, of that of another one that was asked the same.
    Ratio {
        /// What both were asked.
        question: Question,
        /// The figure.
        of: fn(&Row) -> f64,
        /// Whose.
        subject: String,
        /// Of whose.
        to: String,
    },
    /// The slowest of a hundred, of the median.
    Tail {
        /// What was asked.
        question: Question,
        /// Whom.
        subject: String,
    },
    /// Memory of a subject beyond that at rest, in MiB.
    AddedMemory {
        /// Whose.
        subject: String,
    },
    /// Size of the component, in kilobytes.
    Kilobytes,
}

impl Aim {
    /// What has been reached of it.
    pub fn judge(&self, report: &Report) -> Goal {
        let measured = self.figure.measured(report);
        (self.bound)(self.what.clone(), measured, self.limit)
    }

    /// Whether it is judged by answers to this question.
    pub fn asks(&self, question: Question) -> bool {
        match self.figure {
            Figure::Ratio { question: own, .. } | Figure::Tail { question: own, .. } => {
                own == question
            }
            Figure::AddedMemory { .. } | Figure::Kilobytes => false,
        }
    }

    /// Whether it is judged by what was measured of this subject.
    pub fn is_about(&self, name: &str) -> bool {
        match &self.figure {
            Figure::Ratio { subject, to, .. } => subject == name || to == name,
            Figure::Tail { subject, .. } | Figure::AddedMemory { subject } => subject == name,
            Figure::Kilobytes => false,
        }
    }
}

impl Figure {
    fn measured(&self, report: &Report) -> Option<f64> {
        match self {
            Self::Ratio {
                question,
                of,
                subject,
                to,
            } => {
                let [figure, of_the_other] =
                    [subject, to].map(|subject| report.row(*question, subject).map(of));
                Some(figure? / of_the_other?)
            }
            Self::Tail { question, subject } => {
                let row = report.row(*question, subject)?;
                Some(row.total_p99_ms() / row.total_ms())
            }
            Self::AddedMemory { subject } => report.added_mebibytes(subject),
            #[expect(clippy::cast_precision_loss, reason = "kilobytes fit")]
            Self::Kilobytes => Some(report.component_bytes as f64 / 1e3),
        }
    }
}
