//! What carries requests to storage: the host's `wasi:http`, and a script in tests.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::error::TransportError;

/// Enough for S3's error documents, which name the cause in their first line.
pub const ERROR_DOCUMENT_BYTES: usize = 4096;
/// An explanation is not worth more than a second of the client's time.
pub const ERROR_DOCUMENT_TIME: Duration = Duration::from_secs(1);

/// Sends one request without following redirects, and waits between two.
#[expect(async_fn_in_trait, reason = "an instance has one thread")]
pub trait Transport {
    /// A response body that has not been read.
    type Body;

    /// # Errors
    /// [`TransportError`] when no complete response head comes.
    async fn send(
        &self,
        request: &StorageRequest,
    ) -> Result<StorageResponse<Self::Body>, TransportError>;

    /// Waits until the first byte of a body can be read, and leaves it there.
    ///
    /// # Errors
    /// [`TransportError`] when the body ends, breaks or stalls before it.
    async fn await_first_byte(&self, body: &mut Self::Body) -> Result<(), TransportError>;

    /// The `length` bytes that a body has.
    ///
    /// # Errors
    /// [`TransportError`] when it ends, breaks or stalls before that.
    async fn read_whole(
        &self,
        body: &mut Self::Body,
        length: u64,
    ) -> Result<Vec<u8>, TransportError>;

    /// The first few kilobytes of an error document, or as much of it as arrives.
    async fn read_error_document(&self, body: Self::Body) -> String;

    /// The clock that signatures carry.
    fn now(&self) -> SystemTime;

    /// What is left of the time for all requests.
    fn time_left(&self) -> Duration;

    /// Waits before another request.
    async fn pause(&self, pause: Pause);
}

/// How long to wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pause {
    /// This long in any case.
    pub at_least: Duration,
    /// For a random time below this on top, so that many clients do not come back at once.
    pub random_below: Duration,
}

/// A signed request, to be sent as it is.
#[derive(Debug)]
pub struct StorageRequest {
    /// `GET` or `HEAD`.
    pub method: Method,
    /// The percent-encoded path that was signed.
    pub path: String,
    /// All fields but `Host`, which is the endpoint's authority.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// The head of storage's answer, and its body.
#[derive(Debug)]
pub struct StorageResponse<B> {
    /// The status code.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, not yet read.
    pub body: B,
}

#[cfg(test)]
pub(super) mod scripted {
    use std::cell::{Cell, RefCell};
    use std::time::UNIX_EPOCH;

    use super::*;

    /// For all requests, of which only what storage asks for takes any.
    const TIME: Duration = Duration::from_secs(3);

    /// A body that breaks before its first byte.
    pub const BREAKS: &str = "(breaks)";
    /// A body whose first byte does not come.
    pub const STALLS: &str = "(stalls)";
    /// A body that nobody has a reason to read.
    pub const UNREAD: &str = "(unread)";
    /// Bytes after which a body breaks.
    pub const BREAKS_WITHIN: &str = "ab(breaks)";

    /// Answers with prepared outcomes and remembers what it was asked.
    #[derive(Default)]
    pub struct Scripted {
        outcomes: RefCell<Vec<Outcome>>,
        pub requests: RefCell<Vec<StorageRequest>>,
        pub pauses: RefCell<Vec<Pause>>,
        clock: Cell<u64>,
    }

    pub type Outcome = Result<StorageResponse<&'static str>, TransportError>;

    impl Scripted {
        pub fn new(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
            let mut outcomes: Vec<_> = outcomes.into_iter().collect();
            outcomes.reverse();
            Self {
                outcomes: outcomes.into(),
                ..Self::default()
            }
        }
    }

    impl Transport for &Scripted {
        type Body = &'static str;

        async fn send(&self, request: &StorageRequest) -> Outcome {
            self.requests.borrow_mut().push(StorageRequest {
                method: request.method.clone(),
                path: request.path.clone(),
                headers: request.headers.clone(),
            });
            self.outcomes.borrow_mut().pop().unwrap()
        }

        async fn await_first_byte(&self, body: &mut &'static str) -> Result<(), TransportError> {
            match *body {
                BREAKS => Err(TransportError::BrokenAfterHead("reset".into())),
                STALLS => Err(TransportError::ContentTimeout),
                _ => Ok(()),
            }
        }

        async fn read_whole(
            &self,
            body: &mut &'static str,
            length: u64,
        ) -> Result<Vec<u8>, TransportError> {
            self.await_first_byte(body).await?;
            assert_ne!(
                *body, UNREAD,
                "a body is read whose bytes nobody needs here"
            );
            match body.get(..length.try_into().unwrap()) {
                Some(bytes) if *body != BREAKS_WITHIN => Ok(bytes.as_bytes().to_vec()),
                _ => Err(TransportError::BrokenAfterHead("reset".into())),
            }
        }

        async fn read_error_document(&self, body: &'static str) -> String {
            assert_ne!(
                body, UNREAD,
                "a body is read that is none of storage's errors"
            );
            body.to_owned()
        }

        fn now(&self) -> SystemTime {
            self.clock.set(self.clock.get() + 1);
            UNIX_EPOCH + Duration::from_secs(self.clock.get())
        }

        fn time_left(&self) -> Duration {
            TIME.saturating_sub(
                self.pauses
                    .borrow()
                    .iter()
                    .map(|pause| pause.at_least)
                    .sum(),
            )
        }

        async fn pause(&self, pause: Pause) {
            self.pauses.borrow_mut().push(pause);
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "stands among errors in tables")]
    pub fn answer(
        status: u16,
        headers: &[(HeaderName, &'static str)],
        body: &'static str,
    ) -> Outcome {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_static(value));
        }
        Ok(StorageResponse {
            status: StatusCode::from_u16(status).unwrap(),
            headers: map,
            body,
        })
    }
}
