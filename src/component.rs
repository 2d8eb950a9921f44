//! The wasm entry: a host request comes in, its reply is piped out.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use spin_sdk::variables;
use wasi::cli::stderr::get_stderr;
use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{IncomingBody, IncomingRequest, Method as WasiMethod, ResponseOutparam};
use wasi::io::poll::{Pollable, poll};
use wasi::io::streams::InputStream;

use crate::cache;
use crate::config::{DEFAULT_CLIENT_TIMEOUT, Logged, MAX_HASHED_BYTES, MetadataStore, Settings};
use crate::cors::AllowedOrigins;
use crate::deadline;
use crate::host_failure;
use crate::key_value::KeyValueStore;
use crate::metadata::Repository;
use crate::metadata::sqlite::SqliteRepository;
use crate::pipe::{MAX_WRITE_BYTES, send};
use crate::readiness;
use crate::records::RecordsRoute;
use crate::reply::Reply;
use crate::request_log::RequestLog;
use crate::route;
use crate::serve::{Request, Sources, conclude, serve};
use crate::storage::s3::S3Storage;
use crate::storage::wasi_http::{ResponseBody, WasiHttp};

struct ImageProxy;

wasi::http::proxy::export!(ImageProxy);

impl Guest for ImageProxy {
    fn handle(incoming: IncomingRequest, out: ResponseOutparam) {
        let request = read_head(&incoming);
        let settings = Settings::new(&variable);
        let key_value = KeyValueStore::default();
        let mut log =
            RequestLog::start(&request.method, &request.path_with_query, &request.headers);
        let reply = answer(&request, &incoming, &settings, &key_value, &mut log);
        send(&reply, &|| client_timeout(&settings), out, &mut log);
        cache::fill(&reply.content, &key_value, &mut log);
        if log.is_logged(settings.logged().unwrap_or(Logged::All)) {
            write_line(&log);
        }
    }
}

fn answer(
    request: &Request,
    incoming: &IncomingRequest,
    settings: &Settings,
    key_value: &KeyValueStore,
    log: &mut RequestLog,
) -> Reply<ResponseBody> {
    let repository: Repository = &|| {
        Ok(match settings.metadata_store()? {
            MetadataStore::Sqlite => &SqliteRepository,
            MetadataStore::KeyValue => key_value,
        })
    };
    if route::is_readiness(&request.path_with_query) {
        return readiness::answer(request, settings, repository, log);
    }
    if let Some(encoded_id) = route::record(&request.path_with_query) {
        let records = RecordsRoute {
            settings,
            repository,
            cache: key_value,
        };
        let outcome = match RequestBody::of(incoming, client_timeout(settings)) {
            Some(mut body) => records.answer(encoded_id, request, &mut body, log),
            None => records.answer(encoded_id, request, &mut std::io::empty(), log),
        };
        return conclude(outcome, request, &AllowedOrigins::None, log);
    }
    // One that cannot be used keeps no image from being served; `/readyz` tells of it.
    let hash_max_bytes = || settings.hash_max_bytes().unwrap_or(MAX_HASHED_BYTES);
    let sources = Sources {
        repository,
        cache: key_value,
        storage: &|| {
            let config = settings.storage()?;
            let transport = WasiHttp::new(&config);
            Ok(S3Storage::new(config, transport)
                .requiring_checksum(settings.require_checksum()?)
                .hashing_up_to(&hash_max_bytes))
        },
    };
    serve(request, settings, &sources, log)
}

/// Where it cannot be used, an answer that does not depend on it goes out all the same.
fn client_timeout(settings: &Settings) -> Duration {
    settings.client_timeout().unwrap_or(DEFAULT_CLIENT_TIMEOUT)
}

/// In one piece, so that lines of other instances do not come between, and past the standard library,
/// which asks the host for all its streams first. A log that is gone is not a failure.
fn write_line(log: &RequestLog) {
    let line = format!("{log}\n");
    let mut pieces = line.as_bytes().chunks(MAX_WRITE_BYTES);
    let stderr = get_stderr();
    let _ = pieces.try_for_each(|piece| stderr.blocking_write_and_flush(piece));
}

fn variable(name: &str) -> Result<String, String> {
    variables::get(name).map_err(host_failure::variable)
}

fn read_head(request: &IncomingRequest) -> Request {
    let fields = request.headers().entries().into_iter();
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
        headers: fields
            .filter_map(|(name, value)| {
                Some((
                    HeaderName::try_from(name).ok()?,
                    HeaderValue::try_from(value).ok()?,
                ))
            })
            .collect(),
    }
}

/// The content of a request, all of which has to come before a deadline: a client that sends a byte now
/// and then would hold the instance for as long as it likes.
///
/// The fields are children of one another in the host's tables, and are dropped in this order.
struct RequestBody {
    stream: InputStream,
    _body: IncomingBody,
    deadline: Pollable,
}

impl RequestBody {
    /// `None` where the host has given it away already.
    fn of(request: &IncomingRequest, limit: Duration) -> Option<Self> {
        let body = request.consume().ok()?;
        Some(Self {
            stream: body.stream().ok()?,
            _body: body,
            deadline: deadline::after(limit),
        })
    }
}

impl Read for RequestBody {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        poll(&[&self.stream.subscribe(), &self.deadline]);
        if self.deadline.ready() {
            return Err(ErrorKind::TimedOut.into());
        }
        Read::read(&mut self.stream, buffer)
    }
}
