//! A client that keeps its connection from one answer to the next.

use std::io::{ErrorKind, Read};

use http::{HeaderMap, Request, StatusCode};

use super::response::{Body, Response};

/// One connection at most, made anew where the app has ended it.
pub struct KeepAliveClient(ureq::Agent);

/// An answer whose head has come.
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    reader: ureq::BodyReader<'static>,
    bytes: Vec<u8>,
}

impl KeepAliveClient {
    /// It follows nothing, and takes whatever status there is.
    pub fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(1)
            .proxy(None)
            .timeout_global(Some(super::PATIENCE))
            .build();
        Self(config.into())
    }

    /// Waits for the head; `None` when the connection ends before it.
    #[track_caller]
    pub fn ask(&self, request: Request<()>) -> Option<Answer> {
        match self.0.run(request) {
            Ok(response) => {
                let (head, body) = response.into_parts();
                Some(Answer {
                    status: head.status,
                    headers: head.headers,
                    reader: body.into_with_config().limit(u64::MAX).reader(),
                    bytes: Vec::new(),
                })
            }
            Err(ureq::Error::Io(error)) if is_end(error.kind()) => None,
            Err(error) => panic!("neither an answer nor a connection's end: {error:?}"),
        }
    }
}

impl Answer {
    /// Waits for the body's first bytes.
    pub fn read_some(&mut self) {
        let mut buffer = [0; 1024];
        let count = self.reader.read(&mut buffer).unwrap();
        self.bytes.extend(&buffer[..count]);
    }

    /// Reads to the end, which comes in time.
    #[track_caller]
    pub fn read_to_end(mut self) -> Response {
        let body = match self.reader.read_to_end(&mut self.bytes) {
            Ok(_) => Body::Whole(self.bytes),
            Err(error) if is_end(error.kind()) => Body::Broken(self.bytes),
            Err(error) => panic!("neither bytes nor a connection's end: {error:?}"),
        };
        Response {
            status: self.status,
            headers: self.headers,
            body,
        }
    }
}

fn is_end(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}
