//! What all subjects are asked in turns.

use crate::work::Work;

/// What is asked of all subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Over which network.
    pub network: &'static str,
    /// What for.
    pub work: Work,
    /// On how many connections at once.
    pub connections: u32,
}
