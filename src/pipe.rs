//! A reply to the host: its head, and its body moved from stream to stream.

use http::{HeaderMap, StatusCode};
use wasi::http::types::{ErrorCode, Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasi::io::streams::{OutputStream, StreamError};

use crate::error::StorageError;
use crate::reply::{Content, Reply};
use crate::request_log::RequestLog;
use crate::storage::wasi_http::ResponseBody;

/// Most bytes that one splice moves; hosts move at most this much at a time anyway.
const SPLICE_BYTES: u64 = 1024 * 1024;

/// A reply whose stream broke before its first byte: another one can still be sent.
pub struct Unsent {
    /// Where it goes.
    pub out: ResponseOutparam,
    /// Why there is no byte.
    pub error: StorageError,
}

/// Sends a reply to its end and notes what was sent.
///
/// # Errors
/// [`Unsent`]; not for a reply without a stream.
pub fn send(
    reply: Reply<ResponseBody>,
    out: ResponseOutparam,
    log: &mut RequestLog,
) -> Result<(), Unsent> {
    log.status = reply.status.as_u16();
    let Some(head) = response_head(reply.status, &reply.headers) else {
        refused(out, log);
        return Ok(());
    };
    match reply.content {
        Content::None => ResponseOutparam::set(out, Ok(head)),
        Content::Text(text) => match Response::open(head) {
            Some(response) => response.send_text(&text, out, log),
            None => refused(out, log),
        },
        Content::Stream { body, length } => match Response::open(head) {
            Some(response) => match response.splice_first(&body, length) {
                Ok(sent) => response.send_rest(out, &body, length, sent, log),
                Err(error) => return Err(Unsent { out, error }),
            },
            None => refused(out, log),
        },
    }
    Ok(())
}

/// `None` when the host refuses a part of it.
fn response_head(status: StatusCode, headers: &HeaderMap) -> Option<OutgoingResponse> {
    let fields: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    let head = OutgoingResponse::new(Fields::from_list(&fields).ok()?);
    head.set_status_code(status.as_u16()).ok()?;
    Some(head)
}

fn refused(out: ResponseOutparam, log: &mut RequestLog) {
    log.cause = Some("the host does not accept the response".into());
    ResponseOutparam::set(out, Err(ErrorCode::InternalError(None)));
}

/// A response that has not been handed over, and its body.
///
/// Body bytes go to the host before the head: a head that is sent alone waits for the peer's
/// delayed acknowledgement where the host leaves Nagle's algorithm on.
///
/// The fields are children of one another in the host's tables, and are dropped in this order.
struct Response {
    writer: OutputStream,
    body: OutgoingBody,
    head: OutgoingResponse,
}

impl Response {
    /// `None` when the host gives the head no body.
    fn open(head: OutgoingResponse) -> Option<Self> {
        let body = head.body().ok()?;
        let writer = body.write().ok()?;
        Some(Self { writer, body, head })
    }

    fn send_text(self, text: &str, out: ResponseOutparam, log: &mut RequestLog) {
        let written = self.writer.blocking_write_and_flush(text.as_bytes());
        ResponseOutparam::set(out, Ok(self.head));
        drop(self.writer);
        if written.is_ok() && OutgoingBody::finish(self.body, None).is_ok() {
            log.bytes = text.len() as u64;
        }
    }

    /// Moves bytes until some have come, at most once: hosts hold a single piece before the head.
    fn splice_first(&self, source: &ResponseBody, length: u64) -> Result<u64, StorageError> {
        let mut sent = 0;
        while sent == 0 && length > 0 {
            sent = splice(&self.writer, source, length).map_err(|cause| {
                StorageError::Interrupted {
                    received: 0,
                    expected: length,
                    cause: describe(&cause),
                }
            })?;
        }
        Ok(sent)
    }

    /// Hands the head over and moves the rest. A body that is not finished makes the host abort
    /// the response, so that the client sees a failed transfer.
    fn send_rest(
        self,
        out: ResponseOutparam,
        source: &ResponseBody,
        length: u64,
        mut sent: u64,
        log: &mut RequestLog,
    ) {
        ResponseOutparam::set(out, Ok(self.head));
        let moved = loop {
            if sent == length {
                break Ok(());
            }
            match splice(&self.writer, source, length - sent) {
                Ok(bytes) => sent += bytes,
                Err(cause) => break Err(cause),
            }
        };
        log.bytes = sent;
        match moved {
            Ok(()) => {
                drop(self.writer);
                if let Err(code) = OutgoingBody::finish(self.body, None) {
                    log.cause = Some(format!("the host does not accept the body's end: {code}"));
                }
            }
            // The writer tells whose end of the splice is gone.
            Err(_) if self.writer.check_write().is_err() => {
                log.cause = Some("the client went away".into());
            }
            Err(cause) => {
                let error = StorageError::Interrupted {
                    received: sent,
                    expected: length,
                    cause: describe(&cause),
                };
                log.cause = Some(format!("response aborted: {error}"));
            }
        }
    }
}

/// Lets the host move up to `missing` bytes without a copy through the component's memory.
fn splice(writer: &OutputStream, source: &ResponseBody, missing: u64) -> Result<u64, StreamError> {
    writer.blocking_splice(&source.stream, missing.min(SPLICE_BYTES))
}

fn describe(error: &StreamError) -> String {
    match error {
        StreamError::Closed => "the stream ended early".into(),
        StreamError::LastOperationFailed(cause) => cause.to_debug_string(),
    }
}
