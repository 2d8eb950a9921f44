//! How tests speak HTTP: by hyper, which sends a URI as it is written and follows no redirect.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::response::Parts;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, timeout_at};

use super::response::{Body, Response};
use super::storage::RUNTIME;
use super::tls::AUTHORITY;

pub use legacy::Error;

/// Its callers wait, and therefore must be threads of tests, not tasks of the runtime.
pub struct Client {
    hyper: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    limit: Duration,
}

/// Sends the next request on the same connection, if that is idle in time and has not ended.
pub struct KeepAliveClient(Client);

/// An answer whose head has come.
pub struct Answer {
    head: Parts,
    body: Incoming,
    bytes: Vec<u8>,
    deadline: Instant,
}

impl Client {
    /// Keeps this many idle connections. An answer that takes longer than `limit` fails the test.
    pub fn new(idle_connections: usize, limit: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(AUTHORITY.trusted())
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let hyper = legacy::Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(idle_connections)
            .build(connector);
        Self { hyper, limit }
    }

    /// Waits for the head.
    ///
    /// # Errors
    /// When the connection ends before it.
    pub fn ask(&self, mut request: Request<Bytes>) -> Result<Answer, Error> {
        // hyper leaves it out where the content is empty; storage servers ask for it all the same.
        if matches!(
            *request.method(),
            Method::PATCH | Method::POST | Method::PUT
        ) {
            let length = request.body().len().into();
            request.headers_mut().insert(CONTENT_LENGTH, length);
        }
        let deadline = Instant::now() + self.limit;
        let answer = in_time(deadline, self.hyper.request(request.map(Full::new)))?;
        let (head, body) = answer.into_parts();
        Ok(Answer {
            head,
            body,
            bytes: Vec::new(),
            deadline,
        })
    }
}

impl KeepAliveClient {
    pub fn new() -> Self {
        Self(Client::new(1, super::PATIENCE))
    }

    /// Waits for the head; `None` when the connection ends before it.
    #[track_caller]
    pub fn ask(&self, request: Request<()>) -> Option<Answer> {
        match self.0.ask(request.map(|()| Bytes::new())) {
            Ok(answer) => Some(answer),
            Err(error) if is_end(&error) => None,
            Err(error) => panic!("neither an answer nor a connection's end: {error:?}"),
        }
    }
}

impl Answer {
    /// What the head says.
    pub fn status(&self) -> http::StatusCode {
        self.head.status
    }

    /// Waits for the next bytes of the body.
    pub fn read_some(&mut self) {
        let bytes = self.next().unwrap().unwrap();
        self.bytes.extend(bytes);
    }

    /// Waits for this many bytes more of the body.
    pub fn read_bytes(&mut self, count: usize) {
        let end = self.bytes.len() + count;
        while self.bytes.len() < end {
            self.read_some();
        }
    }

    /// Reads to the end, which comes in time.
    #[track_caller]
    pub fn read_to_end(mut self) -> Response {
        let body = loop {
            match self.next() {
                Some(Ok(bytes)) => self.bytes.extend(bytes),
                Some(Err(error)) if is_end(&error) => break Body::Broken(self.bytes),
                Some(Err(error)) => panic!("neither bytes nor a connection's end: {error:?}"),
                None => break Body::Whole(self.bytes),
            }
        };
        Response {
            status: self.head.status,
            headers: self.head.headers,
            body,
        }
    }

    /// How many bytes came, once the transfer has succeeded.
    pub fn count(mut self) -> u64 {
        let mut count = self.bytes.len();
        while let Some(bytes) = self.next() {
            count += bytes.unwrap().len();
        }
        count as u64
    }

    fn next(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        let frame = in_time(self.deadline, self.body.frame())?;
        Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
    }
}

fn in_time<T>(deadline: Instant, what: impl Future<Output = T>) -> T {
    match RUNTIME.block_on(async { timeout_at(deadline, what).await }) {
        Ok(outcome) => outcome,
        Err(late) => panic!("no answer, or not all of it: {late}"),
    }
}

/// Whether this is a connection's end, at whatever point of the answer.
fn is_end(error: &(dyn StdError + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return matches!(
            error.kind(),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        );
    }
    let error_of_hyper = error.downcast_ref::<hyper::Error>();
    error_of_hyper.is_some_and(hyper::Error::is_incomplete_message)
        || error.source().is_some_and(is_end)
}
