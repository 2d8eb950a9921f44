//! The time that there is for one answer of storage, whatever carries the requests.

use std::time::{Duration, Instant};

use crate::config::Timeouts;
use crate::error::TransportError;

/// Time limits of all requests for one answer, counted from when they were made.
pub struct Limits {
    timeouts: Timeouts,
    started: Instant,
}

impl Limits {
    /// Those of requests that begin now.
    #[must_use]
    pub fn start(timeouts: Timeouts) -> Self {
        Self {
            timeouts,
            started: Instant::now(),
        }
    }

    /// What is left of the time for all requests.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.timeouts.total.saturating_sub(self.started.elapsed())
    }

    /// Those of the next request. What comes after the first byte is not part of the time for all.
    #[must_use]
    pub fn of_next_request(&self) -> Timeouts {
        let left = self.left();
        Timeouts {
            connect: self.timeouts.connect.min(left),
            first_byte: self.timeouts.first_byte.min(left),
            ..self.timeouts
        }
    }

    /// What a failure is where the time for all requests is over.
    #[must_use]
    pub fn or_total_timeout(&self, error: TransportError) -> TransportError {
        if self.left().is_zero() {
            TransportError::TotalTimeout
        } else {
            error
        }
    }

    /// What it is that a body ends whose next bytes were waited for since then, with this cause. Not every
    /// host has a code for a limit here.
    #[must_use]
    pub fn broken_after_head(&self, waiting_since: Instant, cause: String) -> TransportError {
        if waiting_since.elapsed() >= self.timeouts.between_bytes {
            TransportError::ContentTimeout
        } else {
            TransportError::BrokenAfterHead(cause)
        }
    }
}
