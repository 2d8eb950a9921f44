//! The component for WASI 0.2, which every Spin runs: a new instance for each request, and host calls that
//! block.

mod deadline;
mod failure;
mod pipe;
mod transport;

use std::io::{ErrorKind, Read};
use std::time::Duration;

use http::Method;
use wasi::cli::stderr::get_stderr;
use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{IncomingBody, IncomingRequest, Method as WasiMethod, ResponseOutparam};
use wasi::io::poll::{Pollable, poll};
use wasi::io::streams::InputStream;

use self::pipe::{MAX_WRITE_BYTES, send};
use self::transport::WasiHttp;
use crate::block_on::block_on;
use crate::cache;
use crate::component::{Stores, answer, client_timeout, header_field, is_logged, variable};
use crate::config::Settings;
use crate::request_log::RequestLog;
use crate::serve::Request;

struct ImageProxy;

wasi::http::proxy::export!(ImageProxy);

impl Guest for ImageProxy {
    fn handle(incoming: IncomingRequest, out: ResponseOutparam) {
        let request = read_head(&incoming);
        let (settings, stores) = (Settings::new(&variable), Stores::default());
        let mut log =
            RequestLog::start(&request.method, &request.path_with_query, &request.headers);
        let content = RequestBody::new(&incoming, &settings);
        let work = answer(
            &request,
            content,
            &settings,
            &stores,
            WasiHttp::new,
            &mut log,
        );
        let reply = block_on(work);
        send(&reply, &|| client_timeout(&settings), out, &mut log);
        cache::fill(&reply.content, &stores.key_value, &mut log);
        if is_logged(&log, &settings) {
            write_line(&log);
        }
    }
}

/// In one piece, so that lines of other instances do not come between, and past the standard library,
/// which asks the host for all its streams first. A log that is gone is not a failure.
fn write_line(log: &RequestLog) {
    let line = format!("{log}\n");
    let mut pieces = line.as_bytes().chunks(MAX_WRITE_BYTES);
    let stderr = get_stderr();
    let _ = pieces.try_for_each(|piece| stderr.blocking_write_and_flush(piece));
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
        headers: request
            .headers()
            .entries()
            .into_iter()
            .filter_map(header_field)
            .collect(),
    }
}

/// The content of a request, all of which has to come before a deadline: a client that sends a byte now
/// and then would hold the instance for as long as it likes. It is opened where it is first read.
struct RequestBody<'a> {
    request: &'a IncomingRequest,
    settings: &'a Settings<'a>,
    opened: Option<OpenBody>,
}

/// The fields are children of one another in the host's tables, and are dropped in this order.
struct OpenBody {
    stream: InputStream,
    _body: IncomingBody,
    deadline: Pollable,
}

impl<'a> RequestBody<'a> {
    fn new(request: &'a IncomingRequest, settings: &'a Settings<'a>) -> Self {
        Self {
            request,
            settings,
            opened: None,
        }
    }

    fn open(&mut self) -> std::io::Result<&mut OpenBody> {
        if self.opened.is_none() {
            let limit = client_timeout(self.settings);
            self.opened = OpenBody::of(self.request, limit);
        }
        // The host has given it away already.
        self.opened.as_mut().ok_or(ErrorKind::BrokenPipe.into())
    }
}

impl OpenBody {
    fn of(request: &IncomingRequest, limit: Duration) -> Option<Self> {
        let body = request.consume().ok()?;
        Some(Self {
            stream: body.stream().ok()?,
            _body: body,
            deadline: deadline::after(limit),
        })
    }
}

impl Read for RequestBody<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let OpenBody {
            stream, deadline, ..
        } = self.open()?;
        poll(&[&stream.subscribe(), deadline]);
        if deadline.ready() {
            return Err(ErrorKind::TimedOut.into());
        }
        Read::read(stream, buffer)
    }
}
