//! Which failures are worth another attempt, and after which pause.

use std::num::NonZeroU32;
use std::time::Duration;

use http::StatusCode;

use super::transport::{StorageRequest, StorageResponse, Transport};
use crate::error::{StorageError, TransportError};

/// Longest pause before the next attempt.
const MAX_BACKOFF: Duration = Duration::from_secs(1);
/// Upper bound of the pause before the second attempt; it doubles for each further one.
const BASE_BACKOFF: Duration = Duration::from_millis(50);

/// Sends what `request` makes, anew for each attempt, until an answer is final or `max_attempts`
/// are used up. Gives the answer and how many attempts it took.
pub(super) fn send<T: Transport>(
    transport: &T,
    max_attempts: NonZeroU32,
    request: impl Fn() -> Result<StorageRequest, StorageError>,
) -> Result<(StorageResponse<T::Body>, u32), StorageError> {
    let mut attempts = 1;
    loop {
        let outcome = transport.send(&request()?);
        let is_last = attempts >= max_attempts.get();
        match outcome {
            Ok(response) if is_last || !is_transient_status(response.status) => {
                return Ok((response, attempts));
            }
            Err(cause) if is_last || !is_transient(&cause) => {
                return Err(StorageError::Transport { attempts, cause });
            }
            Ok(_) | Err(_) => transport.pause_below(backoff(attempts)),
        }
        attempts += 1;
    }
}

fn is_transient_status(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504)
}

/// A storage that has not answered in time is slow, and asking again would slow it further.
fn is_transient(error: &TransportError) -> bool {
    matches!(error, TransportError::Connection(_))
}

/// "Full jitter": the pause is random below a bound that doubles with each attempt
/// (AWS Architecture Blog, "Exponential Backoff And Jitter").
fn backoff(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    BASE_BACKOFF.saturating_mul(1 << doublings).min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::super::transport::scripted::{Outcome, Scripted, answer};
    use super::*;

    /// The outcome of up to three attempts: a status, or the last failure.
    fn try_three_times(transport: &Scripted) -> Result<(u16, u32), StorageError> {
        let request = || {
            Ok(StorageRequest {
                method: Method::GET,
                path: "/images/k".into(),
                headers: Vec::new(),
            })
        };
        let three = NonZeroU32::new(3).unwrap();
        let (response, attempts) = send(&transport, three, request)?;
        Ok((response.status.as_u16(), attempts))
    }

    fn refused() -> TransportError {
        TransportError::Connection("refused".into())
    }

    #[test]
    fn connection_errors_and_transient_statuses_are_tried_again_after_a_pause() {
        let transient = [429, 500, 502, 503, 504];
        let mut failures: Vec<Outcome> = transient
            .iter()
            .map(|status| answer(*status, &[], ""))
            .collect();
        failures.push(Err(refused()));

        for failure in failures {
            let shown = format!("{failure:?}");
            let transport = Scripted::new([failure, answer(200, &[], "")]);

            assert_eq!(try_three_times(&transport).unwrap(), (200, 2), "{shown}");

            assert_eq!(transport.requests.borrow().len(), 2, "{shown}");
            assert_eq!(*transport.pauses.borrow(), [BASE_BACKOFF], "{shown}");
        }
    }

    #[test]
    fn attempts_end_at_the_limit_with_the_last_failure() {
        let unreachable = Scripted::new([Err(refused()), Err(refused()), Err(refused())]);
        let overloaded = [Err(refused()), answer(500, &[], ""), answer(503, &[], "")];
        let overloaded = Scripted::new(overloaded);

        assert_eq!(
            try_three_times(&unreachable).unwrap_err().to_string(),
            "no answer from storage after 3 attempt(s): connection failed: refused"
        );
        assert_eq!(try_three_times(&overloaded).unwrap(), (503, 3));
        assert_eq!(overloaded.requests.borrow().len(), 3);
    }

    #[test]
    fn every_other_outcome_is_final() {
        let finals: [Outcome; 8] = [
            answer(200, &[], ""),
            answer(206, &[], ""),
            answer(301, &[], ""),
            answer(403, &[], ""),
            answer(501, &[], ""),
            Err(TransportError::FirstByteTimeout("late".into())),
            Err(TransportError::Denied("not allowed".into())),
            Err(TransportError::Protocol("garbage".into())),
        ];

        for outcome in finals {
            let shown = format!("{outcome:?}");
            let transport = Scripted::new([outcome]);
            let _ = try_three_times(&transport);
            assert_eq!(transport.requests.borrow().len(), 1, "{shown}");
        }
    }

    #[test]
    fn the_bound_of_the_pause_doubles_up_to_a_second() {
        let bounds: Vec<_> = (1..=7)
            .map(|attempts| backoff(attempts).as_millis())
            .collect();

        assert_eq!(bounds, [50, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(backoff(u32::MAX).as_millis(), 1000);
    }
}
