//! Storage requests through `wasi:http`, and the bytes of an answer.

use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, StatusCode};
use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::http::client;
use wasip3::http::types::{Fields, Method, Request, RequestOptions, Response, Scheme};
use wasip3::wit_future;

use super::deadline::within;
use super::failure;
use super::incoming::IncomingBody;
use crate::component::{header_field, host_fields, nanoseconds};
use crate::config::{Endpoint, StorageConfig, Timeouts};
use crate::error::TransportError;
use crate::storage::limits::Limits;
use crate::storage::transport::{
    ERROR_DOCUMENT_BYTES, ERROR_DOCUMENT_TIME, Pause, StorageRequest, StorageResponse, Transport,
};

/// Most bytes that are read of a body to know that it begins.
const FIRST_BYTES: usize = 64 * 1024;

/// Sends requests to the configured endpoint through the host.
pub struct WasiHttp {
    endpoint: Endpoint,
    limits: Limits,
}

/// The bytes of an answer.
pub struct ResponseBody {
    /// Those that have been read and not been taken.
    ahead: Vec<u8>,
    rest: IncomingBody,
}

impl ResponseBody {
    /// The next bytes, at least one and at most `most` of them.
    ///
    /// # Errors
    /// Why there are no more, in words.
    pub async fn read_some(&mut self, most: usize) -> Result<Vec<u8>, String> {
        if !self.ahead.is_empty() {
            let later = self.ahead.split_off(most.min(self.ahead.len()));
            return Ok(std::mem::replace(&mut self.ahead, later));
        }
        match self.rest.read(most).await {
            Ok(bytes) if bytes.is_empty() => Err("the stream ended early".to_owned()),
            Ok(bytes) => Ok(bytes),
            Err(code) => Err(failure::http(&code)),
        }
    }

    /// So many bytes; where there are not, those that come before the stream ends, and why it does.
    pub async fn read_exact(&mut self, length: usize) -> (Vec<u8>, Result<(), String>) {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            match self.read_some(length - bytes.len()).await {
                Ok(read) if bytes.is_empty() => bytes = read,
                Ok(read) => bytes.extend(read),
                Err(cause) => return (bytes, Err(cause)),
            }
        }
        (bytes, Ok(()))
    }
}

impl WasiHttp {
    /// The endpoint and time limits are `config`'s; that of all requests counts from now.
    pub fn new(config: &StorageConfig) -> Self {
        Self {
            endpoint: config.endpoint.clone(),
            limits: Limits::start(config.timeouts),
        }
    }

    /// What reading a body leads to within the time for all requests.
    async fn in_time<T>(
        &self,
        read: impl Future<Output = Result<T, String>>,
    ) -> Result<T, TransportError> {
        let started = Instant::now();
        match within(self.time_left(), read).await {
            Some(Ok(read)) => Ok(read),
            None => Err(TransportError::TotalTimeout),
            Some(Err(cause)) => Err(self.limits.broken_after_head(started, cause)),
        }
    }
}

impl Transport for WasiHttp {
    type Body = ResponseBody;

    async fn send(
        &self,
        request: &StorageRequest,
    ) -> Result<StorageResponse<ResponseBody>, TransportError> {
        let options =
            request_options(self.limits.of_next_request()).ok_or_else(|| denied("time limits"))?;
        let outgoing = outgoing_request(&self.endpoint, request, options)
            .ok_or_else(|| denied("the request's parts"))?;
        match client::send(outgoing).await {
            Ok(response) => storage_response(response),
            Err(code) => Err(self.limits.or_total_timeout(failure::transport(&code))),
        }
    }

    async fn await_first_byte(&self, body: &mut ResponseBody) -> Result<(), TransportError> {
        body.ahead = self.in_time(body.read_some(FIRST_BYTES)).await?;
        Ok(())
    }

    async fn read_whole(
        &self,
        body: &mut ResponseBody,
        length: u64,
    ) -> Result<Vec<u8>, TransportError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let read = async {
            let (bytes, outcome) = body.read_exact(length).await;
            outcome.map(|()| bytes)
        };
        self.in_time(read).await
    }

    async fn read_error_document(&self, mut body: ResponseBody) -> String {
        let mut document = Vec::new();
        let read = async {
            while document.len() < ERROR_DOCUMENT_BYTES {
                let missing = ERROR_DOCUMENT_BYTES - document.len();
                let Ok(bytes) = body.read_some(missing).await else {
                    break;
                };
                document.extend(bytes);
            }
        };
        within(ERROR_DOCUMENT_TIME, read).await;
        String::from_utf8_lossy(&document).into_owned()
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn time_left(&self) -> Duration {
        self.limits.left()
    }

    async fn pause(&self, pause: Pause) {
        let random = pause.random_below.mul_f64(fastrand::f64());
        let length = (pause.at_least + random).min(self.time_left());
        wait_for(nanoseconds(length)).await;
    }
}

/// `None` when the host refuses one of the parts.
fn outgoing_request(
    endpoint: &Endpoint,
    request: &StorageRequest,
    options: RequestOptions,
) -> Option<Request> {
    let headers = host_fields(request.headers.iter().map(|(name, value)| (name, value)));
    let (_, no_trailers) = wit_future::new(|| Ok(None));
    let headers = Fields::from_list(&headers).ok()?;
    let (outgoing, _) = Request::new(headers, None, no_trailers, Some(options));
    let scheme = match endpoint.scheme.as_str() {
        "http" => Scheme::Http,
        _ => Scheme::Https,
    };
    let method = match request.method {
        http::Method::GET => Method::Get,
        http::Method::HEAD => Method::Head,
        ref other => Method::Other(other.to_string()),
    };
    outgoing.set_method(&method).ok()?;
    outgoing.set_scheme(Some(&scheme)).ok()?;
    outgoing
        .set_authority(Some(endpoint.authority.as_str()))
        .ok()?;
    outgoing.set_path_with_query(Some(&request.path)).ok()?;
    Some(outgoing)
}

/// `None` when the host does not support one of the limits.
fn request_options(timeouts: Timeouts) -> Option<RequestOptions> {
    let limit = |limit: Duration| Some(nanoseconds(limit));
    let options = RequestOptions::new();
    options.set_connect_timeout(limit(timeouts.connect)).ok()?;
    options
        .set_first_byte_timeout(limit(timeouts.first_byte))
        .ok()?;
    options
        .set_between_bytes_timeout(limit(timeouts.between_bytes))
        .ok()?;
    Some(options)
}

fn storage_response(response: Response) -> Result<StorageResponse<ResponseBody>, TransportError> {
    let broken = |part: &str| TransportError::Protocol(format!("its {part} cannot be read"));
    let status = StatusCode::from_u16(response.get_status_code()).map_err(|_| broken("status"))?;
    let fields = response.get_headers().copy_all().into_iter();
    let headers: Option<HeaderMap> = fields.map(header_field).collect();
    let headers = headers.ok_or_else(|| broken("header"))?;
    let (_, no_verdict) = wit_future::new(|| Ok(()));
    let (stream, end) = Response::consume_body(response, no_verdict);
    Ok(StorageResponse {
        status,
        headers,
        body: ResponseBody {
            ahead: Vec::new(),
            rest: IncomingBody::new(stream, end),
        },
    })
}

fn denied(what: &str) -> TransportError {
    TransportError::Denied(format!("it does not accept {what}"))
}
