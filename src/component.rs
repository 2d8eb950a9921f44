//! The wasm entry: a host request comes in, its reply is piped out.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use spin_sdk::variables;
use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{IncomingBody, IncomingRequest, Method as WasiMethod, ResponseOutparam};
use wasi::io::poll::{Pollable, poll};
use wasi::io::streams::InputStream;

use crate::config::{Config, Logged, MAX_HASHED_BYTES, MetadataStore};
use crate::cors::AllowedOrigins;
use crate::deadline;
use crate::error::ConfigError;
use crate::host_failure;
use crate::metadata::ImageRepository;
use crate::metadata::key_value::KeyValueRepository;
use crate::metadata::sqlite::SqliteRepository;
use crate::pipe::send;
use crate::readiness;
use crate::records::RecordsRoute;
use crate::reply::Reply;
use crate::request_log::RequestLog;
use crate::route;
use crate::serve::{Request, conclude, fail, serve};
use crate::storage::s3::S3Storage;
use crate::storage::wasi_http::{ResponseBody, WasiHttp};

/// Where the settings cannot be used; what is answered then is a line of text.
const CLIENT_TIMEOUT: Duration = Duration::from_mins(1);

struct ImageProxy;

wasi::http::proxy::export!(ImageProxy);

impl Guest for ImageProxy {
    fn handle(incoming: IncomingRequest, out: ResponseOutparam) {
        let request = read_head(&incoming);
        let mut log =
            RequestLog::start(&request.method, &request.path_with_query, &request.headers);
        let settings = Config::read(variable);
        let client_timeout = settings
            .as_ref()
            .map_or(CLIENT_TIMEOUT, |config| config.client_timeout);
        let reply = if route::is_readiness(&request.path_with_query) {
            let settings = readiness::all_settings(settings, variable);
            let images = settings.map(|config| repository(&config));
            readiness::answer(&request, images, &mut log)
        } else {
            reply(&request, &incoming, settings, &mut log)
        };
        send(reply, client_timeout, out, &mut log);
        if log.is_logged(Config::read_logged(variable).unwrap_or(Logged::All)) {
            write_line(&log);
        }
    }
}

fn reply(
    request: &Request,
    incoming: &IncomingRequest,
    settings: Result<Config, ConfigError>,
    log: &mut RequestLog,
) -> Reply<ResponseBody> {
    match settings {
        Ok(config) => answer(request, incoming, &config, log),
        Err(error) => {
            let cors = Config::read_cors(variable).unwrap_or(AllowedOrigins::None);
            fail(&error.into(), request, &cors, log)
        }
    }
}

/// In one piece, so that lines of other instances do not come between. A log that is gone is not a
/// failure.
fn write_line(log: &RequestLog) {
    let _ = std::io::stderr().write_all(format!("{log}\n").as_bytes());
}

fn variable(name: &str) -> Result<String, String> {
    variables::get(name).map_err(host_failure::variable)
}

/// Builds the adapters that the settings ask for, and serves.
fn answer(
    request: &Request,
    incoming: &IncomingRequest,
    config: &Config,
    log: &mut RequestLog,
) -> Reply<ResponseBody> {
    let images = repository(config);
    if let Some(encoded_id) = route::record(&request.path_with_query) {
        let records = RecordsRoute {
            token: || Config::read_records_token(variable),
            max_image_bytes: config.max_image_bytes,
            images,
        };
        let outcome = match RequestBody::of(incoming, config.client_timeout) {
            Some(mut body) => records.answer(encoded_id, request, &mut body, log),
            None => records.answer(encoded_id, request, &mut std::io::empty(), log),
        };
        return conclude(outcome, request, &config.cors, log);
    }
    // One that cannot be used keeps no image from being served; `/readyz` tells of it.
    let hash_max_bytes = || Config::read_hash_max_bytes(variable).unwrap_or(MAX_HASHED_BYTES);
    let storage = S3Storage::new(&config.storage, WasiHttp::new(&config.storage))
        .hashing_up_to(&hash_max_bytes);
    serve(request, config, images, &storage, log)
}

fn repository(config: &Config) -> &'static dyn ImageRepository {
    match config.metadata_store {
        MetadataStore::Sqlite => &SqliteRepository,
        MetadataStore::KeyValue => &KeyValueRepository,
    }
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
