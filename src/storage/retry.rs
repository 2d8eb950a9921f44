//! Which failures are worth another attempt, and after which pause.

use std::num::NonZeroU32;
use std::time::Duration;

use http::StatusCode;

use super::Object;
use super::retry_after;
use super::transport::{Pause, StorageResponse, Transport};
use crate::error::{StorageError, TransportError};

/// Longest pause that storage may ask for; what takes longer is not worth the client's time.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(2);
/// Longest pause before the next attempt, where storage asks for none.
const MAX_BACKOFF: Duration = Duration::from_secs(1);
/// Upper bound of the pause before the second attempt; it doubles for each further one.
const BASE_BACKOFF: Duration = Duration::from_millis(50);

/// Makes attempts until the outcome of one is final or `max_attempts` are used up. Gives the answer
/// and how many attempts it took.
pub(super) async fn send<T: Transport>(
    transport: &T,
    max_attempts: NonZeroU32,
    attempt: impl AsyncFn() -> Result<Answer<T::Body>, Failure>,
) -> Result<(Answer<T::Body>, u32), StorageError> {
    let mut attempts = 1;
    let mut has_met_connection_error = false;
    loop {
        let outcome = match attempt().await {
            Ok(answer) => Ok(answer),
            Err(Failure::Transport(cause)) => Err(cause),
            Err(Failure::Final(error)) => return Err(error),
        };
        let is_last = attempts >= max_attempts.get();
        let pause = match &outcome {
            _ if is_last => None,
            Ok(Answer::Object(_)) => None,
            Ok(Answer::Other(response)) => pause_after_status(response, attempts),
            Err(cause) if !is_transient(cause) => None,
            // Often a connection that had been idle for too long; the next one may well stand.
            Err(_) if !std::mem::replace(&mut has_met_connection_error, true) => {
                Some(Pause::default())
            }
            Err(_) => Some(backoff(attempts)),
        };
        match (outcome, pause) {
            (outcome, Some(pause)) if pause.at_least >= transport.time_left() => {
                let cause = TransportError::NoTimeLeft(told(outcome));
                return Err(StorageError::Transport { attempts, cause });
            }
            (_, Some(pause)) => transport.pause(pause).await,
            (Ok(answer), None) => return Ok((answer, attempts)),
            (Err(cause), None) => return Err(StorageError::Transport { attempts, cause }),
        }
        attempts += 1;
    }
}

/// What one attempt leads to.
pub(super) enum Answer<B> {
    /// The object.
    Object(Object<B>),
    /// An answer of another status.
    Other(StorageResponse<B>),
}

/// Why an attempt leads to no answer.
pub(super) enum Failure {
    /// Another attempt may do better.
    Transport(TransportError),
    /// None would.
    Final(StorageError),
}

impl From<TransportError> for Failure {
    fn from(cause: TransportError) -> Self {
        Self::Transport(cause)
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Final(error)
    }
}

/// Storage, or what stands before it, is busy or broken for a moment. Those above 504 are of
/// gateways and content delivery networks.
pub(super) fn is_transient_status(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        408 | 425 | 429 | 500 | 502 | 503 | 504 | 509 | 520 | 522 | 524
    )
}

/// A storage that has not answered in time is slow, and asking again would slow it further.
fn is_transient(error: &TransportError) -> bool {
    match error {
        TransportError::Unresolved(_)
        | TransportError::Unreachable(_)
        | TransportError::ConnectTimeout
        | TransportError::Tls(_)
        | TransportError::Broken(_)
        | TransportError::BrokenAfterHead(_)
        | TransportError::ConnectionLimit => true,
        TransportError::FirstByteTimeout
        | TransportError::ContentTimeout
        | TransportError::TotalTimeout
        | TransportError::NoTimeLeft(_)
        | TransportError::Denied(_)
        | TransportError::Protocol(_) => false,
    }
}

fn told<B>(outcome: Result<Answer<B>, TransportError>) -> String {
    match outcome {
        Ok(Answer::Object(_)) => "the object".to_owned(),
        Ok(Answer::Other(response)) => format!("storage's answer {}", response.status.as_u16()),
        Err(cause) => cause.to_string(),
    }
}

/// `None` where the answer is final, or storage asks for more patience than there is.
fn pause_after_status<B>(response: &StorageResponse<B>, attempts: u32) -> Option<Pause> {
    if !is_transient_status(response.status) {
        return None;
    }
    let at_least = retry_after::pause(&response.headers).unwrap_or_default();
    (at_least <= MAX_RETRY_AFTER).then(|| Pause {
        at_least,
        ..backoff(attempts)
    })
}

/// "Full jitter": the pause is random below a bound that doubles with each attempt
/// (AWS Architecture Blog, "Exponential Backoff And Jitter").
fn backoff(attempts: u32) -> Pause {
    let doublings = attempts.saturating_sub(1).min(16);
    Pause {
        at_least: Duration::ZERO,
        random_below: BASE_BACKOFF.saturating_mul(1 << doublings).min(MAX_BACKOFF),
    }
}

#[cfg(test)]
mod tests {
    use http::{Method, header};

    use super::super::transport::StorageRequest;
    use super::super::transport::scripted::{Outcome, Scripted, answer};
    use super::*;
    use crate::block_on::block_on;

    /// The outcome of up to three attempts: a status, or the last failure.
    fn try_three_times(transport: &Scripted) -> Result<(u16, u32), StorageError> {
        let attempt = async || {
            let request = StorageRequest {
                method: Method::GET,
                path: "/images/k".into(),
                headers: Vec::new(),
            };
            Ok(Answer::Other((&transport).send(&request).await?))
        };
        let three = NonZeroU32::new(3).unwrap();
        let (answer, attempts) = block_on(send(&transport, three, attempt))?;
        let Answer::Other(response) = answer else {
            panic!("no attempt leads to the object");
        };
        Ok((response.status.as_u16(), attempts))
    }

    fn refused() -> TransportError {
        TransportError::Unreachable("refused".into())
    }

    /// Lengths in milliseconds: of what storage asks for, and of the bound of what comes on top.
    fn pauses(transport: &Scripted) -> Vec<(u128, u128)> {
        let pauses = transport.pauses.borrow();
        let lengths = |pause: &Pause| (pause.at_least.as_millis(), pause.random_below.as_millis());
        pauses.iter().map(lengths).collect()
    }

    #[test]
    fn transient_statuses_are_tried_again_after_a_pause() {
        for status in [408, 425, 429, 500, 502, 503, 504, 509, 520, 522, 524] {
            let transport = Scripted::new([answer(status, &[], ""), answer(200, &[], "")]);

            assert_eq!(try_three_times(&transport).unwrap(), (200, 2), "{status}");

            assert_eq!(transport.requests.borrow().len(), 2, "{status}");
            assert_eq!(pauses(&transport), [(0, 50)], "{status}");
        }
    }

    #[test]
    fn the_first_attempt_after_a_connection_error_does_not_wait() {
        let broken = || TransportError::BrokenAfterHead("reset".into());
        for errors in [
            [refused(), refused()],
            [broken(), TransportError::Tls("alert".into())],
            [
                TransportError::ConnectTimeout,
                TransportError::Broken("reset".into()),
            ],
            [
                TransportError::Unresolved("no name".into()),
                TransportError::ConnectionLimit,
            ],
        ] {
            let [first, second] = errors;
            let transport = Scripted::new([Err(first), Err(second), answer(200, &[], "")]);

            assert_eq!(try_three_times(&transport).unwrap(), (200, 3));

            assert_eq!(pauses(&transport), [(0, 0), (0, 100)]);
        }
    }

    #[test]
    fn the_pause_is_at_least_what_storage_asks_for() {
        for (retry_after, lengths) in [("0", (0, 50)), ("1", (1000, 50)), ("2", (2000, 50))] {
            let busy = answer(503, &[(header::RETRY_AFTER, retry_after)], "");
            let transport = Scripted::new([busy, answer(200, &[], "")]);

            assert_eq!(try_three_times(&transport).unwrap(), (200, 2));

            assert_eq!(pauses(&transport), [lengths]);
        }
    }

    #[test]
    fn a_storage_that_asks_for_more_patience_is_given_up_at_once() {
        let busy = answer(429, &[(header::RETRY_AFTER, "3")], "");
        let transport = Scripted::new([busy]);

        assert_eq!(try_three_times(&transport).unwrap(), (429, 1));

        assert_eq!(pauses(&transport), []);
    }

    #[test]
    fn attempts_end_where_the_time_for_all_of_them_is_shorter_than_the_pause() {
        let busy = || answer(503, &[(header::RETRY_AFTER, "2")], "");
        let transport = Scripted::new([busy(), busy()]);

        let error = try_three_times(&transport).unwrap_err().to_string();

        assert_eq!(
            error,
            "no answer from storage after 2 attempt(s): s3_total_timeout_ms leaves no time for another \
             attempt after storage's answer 503"
        );
        assert_eq!(pauses(&transport), [(2000, 50)]);
    }

    #[test]
    fn attempts_end_at_the_limit_with_the_last_failure() {
        let unreachable = Scripted::new([Err(refused()), Err(refused()), Err(refused())]);
        let overloaded = [Err(refused()), answer(500, &[], ""), answer(503, &[], "")];
        let overloaded = Scripted::new(overloaded);

        assert!(matches!(
            try_three_times(&unreachable),
            Err(StorageError::Transport { attempts: 3, cause }) if cause == refused()
        ));
        assert_eq!(try_three_times(&overloaded).unwrap(), (503, 3));
        assert_eq!(overloaded.requests.borrow().len(), 3);
    }

    #[test]
    fn every_other_outcome_is_final() {
        let finals: [Outcome; 10] = [
            answer(200, &[], ""),
            answer(206, &[], ""),
            answer(301, &[], ""),
            answer(403, &[(header::RETRY_AFTER, "1")], ""),
            answer(501, &[], ""),
            Err(TransportError::FirstByteTimeout),
            Err(TransportError::ContentTimeout),
            Err(TransportError::TotalTimeout),
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
            .map(|attempts| backoff(attempts).random_below.as_millis())
            .collect();

        assert_eq!(bounds, [50, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(backoff(u32::MAX).random_below.as_millis(), 1000);
    }
}
