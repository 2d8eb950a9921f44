//! The component for WASI 0.3, which Spin 4.1 and later run: an instance serves many requests, several of
//! them at once, and gives way where it waits for storage or for a client.

mod client;
mod deadline;
mod failure;
mod incoming;
mod kept;
mod pipe;
mod transport;

use std::io::{self, ErrorKind, Write as _};
use std::mem;
use std::time::{Duration, Instant};

use http::Method;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Method as WasiMethod, Request as Incoming, Response};
use wasip3::wit_future;

use self::deadline::within;
use self::incoming::IncomingBody;
use self::kept::Kept;
use self::transport::WasiHttp;
use crate::cache;
use crate::component::{answer, client_timeout, header_field, is_logged};
use crate::records::RequestContent;
use crate::request_log::RequestLog;
use crate::serve::Request;

struct ImageProxy;

wasip3::http::service::export!(ImageProxy);

impl Guest for ImageProxy {
    async fn handle(incoming: Incoming) -> Result<Response, ErrorCode> {
        let kept = Kept::now();
        let request = read_head(&incoming);
        let mut log =
            RequestLog::start(&request.method, &request.path_with_query, &request.headers);
        let content = RequestBody::Unread(incoming, client_timeout(&kept.settings));
        let reply = answer(
            &request,
            content,
            &kept.settings,
            &kept.stores,
            WasiHttp::new,
            &mut log,
        )
        .await;
        if reply.status.is_server_error() {
            Kept::forget();
        }
        let client_timeout = client_timeout(&kept.settings);
        let conclude = move |content, mut log| {
            cache::fill(&content, &kept.stores.key_value, &mut log);
            if is_logged(&log, &kept.settings) {
                write_line(&log);
            }
        };
        pipe::send(reply, client_timeout, log, Box::new(conclude)).await
    }
}

/// In one piece, so that lines of other instances do not come between. A log that is gone is not a
/// failure.
fn write_line(log: &RequestLog) {
    let _ = io::stderr().write_all(format!("{log}\n").as_bytes());
}

fn read_head(request: &Incoming) -> Request {
    Request {
        method: match request.get_method() {
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
        path_with_query: request.get_path_with_query().unwrap_or_default(),
        headers: request
            .get_headers()
            .copy_all()
            .into_iter()
            .filter_map(header_field)
            .collect(),
    }
}

/// The content of a request, all of which has to come before a deadline: a client that sends a byte now
/// and then would hold its place in the instance for as long as it likes. It is opened where it is first
/// read.
enum RequestBody {
    /// And the time that there is for it.
    Unread(Incoming, Duration),
    /// And when it has to be here.
    Open(IncomingBody, Instant),
    /// Nobody waits for more of it.
    GivenUp,
}

impl RequestBody {
    fn open(self) -> Self {
        match self {
            Self::Unread(request, limit) => {
                let (_, no_verdict) = wit_future::new(|| Ok(()));
                let (stream, end) = Incoming::consume_body(request, no_verdict);
                Self::Open(IncomingBody::new(stream, end), Instant::now() + limit)
            }
            opened => opened,
        }
    }
}

impl RequestContent for RequestBody {
    async fn next(&mut self, most: u64) -> io::Result<Vec<u8>> {
        let Self::Open(mut body, deadline) = mem::replace(self, Self::GivenUp).open() else {
            return Err(ErrorKind::TimedOut.into());
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        match within(left, body.read(most)).await {
            Some(Ok(bytes)) => {
                *self = Self::Open(body, deadline);
                Ok(bytes)
            }
            Some(Err(_)) => Err(ErrorKind::UnexpectedEof.into()),
            None => Err(ErrorKind::TimedOut.into()),
        }
    }
}
