//! The wasm entry: a host request comes in, its reply is piped out.

use http::Method;
use spin_sdk::variables;
use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{
    ErrorCode, Fields, IncomingRequest, Method as WasiMethod, OutgoingBody, OutgoingResponse,
    ResponseOutparam,
};
use wasi::io::streams::{OutputStream, StreamError};

use crate::config::{Config, MetadataStore};
use crate::error::{Error, StorageError};
use crate::metadata::sqlite::SqliteRepository;
use crate::reply::{Content, Reply};
use crate::request_log::RequestLog;
use crate::serve::{Request, serve};
use crate::storage::s3::S3Storage;
use crate::storage::wasi_http::{ResponseBody, WasiHttp};

/// Most bytes that one splice moves; hosts move at most this much at a time anyway.
const SPLICE_BYTES: u64 = 1024 * 1024;

struct ImageProxy;

wasi::http::proxy::export!(ImageProxy);

impl Guest for ImageProxy {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let mut log = RequestLog::start();
        let reply = answer(&request, &mut log).unwrap_or_else(|error| failure(&error, &mut log));
        send(reply, out, &mut log);
        eprintln!("{log}");
    }
}

/// Builds the adapters that the settings ask for, and serves.
fn answer(request: &IncomingRequest, log: &mut RequestLog) -> Result<Reply<ResponseBody>, Error> {
    let config = Config::read(|name| variables::get(name).map_err(|error| error.to_string()))?;
    let images = match config.metadata_store {
        MetadataStore::Sqlite => SqliteRepository,
    };
    let storage = S3Storage::new(&config.storage, WasiHttp::new(&config.storage));
    serve(&read_head(request), &config, &images, &storage, log)
}

fn failure(error: &Error, log: &mut RequestLog) -> Reply<ResponseBody> {
    log.cause = Some(error.to_string());
    Reply::error(error)
}

fn read_head(request: &IncomingRequest) -> Request {
    Request {
        method: match request.method() {
            WasiMethod::Get => Method::GET,
            WasiMethod::Head => Method::HEAD,
            WasiMethod::Post => Method::POST,
            WasiMethod::Put => Method::PUT,
            WasiMethod::Delete => Method::DELETE,
            WasiMethod::Connect => Method::CONNECT,
            WasiMethod::Options => Method::OPTIONS,
            WasiMethod::Trace => Method::TRACE,
            WasiMethod::Patch => Method::PATCH,
            // A name that `http` does not accept is as unknown as any other.
            WasiMethod::Other(name) => name.parse().unwrap_or(Method::CONNECT),
        },
        path_with_query: request.path_with_query().unwrap_or_default(),
    }
}

/// Sends the reply; one that breaks before its first body byte is replaced by its error.
fn send(reply: Reply<ResponseBody>, out: ResponseOutparam, log: &mut RequestLog) {
    let Some(response) = Response::open(&reply) else {
        log.cause = Some("the host does not accept the response's head".into());
        return ResponseOutparam::set(out, Err(ErrorCode::InternalError(None)));
    };
    log.status = reply.status.as_u16();
    match reply.content {
        Content::Text(text) => response.send_text(&text, out, log),
        Content::Stream { body, length } => match response.splice_first(&body, length) {
            Ok(sent) => response.send_rest(out, &body, length, sent, log),
            Err(error) => send(failure(&error.into(), log), out, log),
        },
    }
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
    /// `None` when the host refuses a part of the head.
    fn open<B>(reply: &Reply<B>) -> Option<Self> {
        let fields: Vec<_> = reply
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect();
        let head = OutgoingResponse::new(Fields::from_list(&fields).ok()?);
        head.set_status_code(reply.status.as_u16()).ok()?;
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
