//! Storage requests through `wasi:http`, and the byte stream of an answer.

use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, StatusCode};
use wasi::http::outgoing_handler;
use wasi::http::types::{
    Fields, IncomingBody, IncomingResponse, Method, OutgoingRequest, RequestOptions, Scheme,
};
use wasi::io::poll::poll;
use wasi::io::streams::InputStream;

use super::deadline;
use super::failure;
use crate::component::{header_field, host_fields, nanoseconds};
use crate::config::{Endpoint, StorageConfig, Timeouts};
use crate::error::TransportError;
use crate::storage::limits::Limits;
use crate::storage::transport::{
    ERROR_DOCUMENT_BYTES, ERROR_DOCUMENT_TIME, Pause, StorageRequest, StorageResponse, Transport,
};

/// Sends requests to the configured endpoint through the host.
pub struct WasiHttp {
    endpoint: Endpoint,
    limits: Limits,
}

/// An answer's byte stream.
///
/// The fields are children of one another in the host's tables, and are dropped in this order.
pub struct ResponseBody {
    /// The bytes, for the host to splice.
    pub stream: InputStream,
    _body: IncomingBody,
    _response: IncomingResponse,
}

impl WasiHttp {
    /// The endpoint and time limits are `config`'s; that of all requests counts from now.
    pub fn new(config: &StorageConfig) -> Self {
        Self {
            endpoint: config.endpoint.clone(),
            limits: Limits::start(config.timeouts),
        }
    }

    /// What is there of a body once something is, but no more than `most` bytes.
    fn read(&self, body: &ResponseBody, most: u64) -> Result<Vec<u8>, TransportError> {
        let started = Instant::now();
        let deadline = deadline::after(self.time_left());
        let is_readable = body.stream.subscribe();
        poll(&[&is_readable, &deadline]);
        if !is_readable.ready() {
            return Err(TransportError::TotalTimeout);
        }
        let read = body.stream.read(most);
        read.map_err(|error| {
            let cause = failure::stream(&error);
            self.limits.broken_after_head(started, cause)
        })
    }
}

impl Transport for WasiHttp {
    type Body = ResponseBody;

    async fn send(
        &self,
        request: &StorageRequest,
    ) -> Result<StorageResponse<ResponseBody>, TransportError> {
        let outgoing = outgoing_request(&self.endpoint, request)
            .ok_or_else(|| denied("the request's parts"))?;
        let timeouts = self.limits.of_next_request();
        let options = request_options(timeouts).ok_or_else(|| denied("time limits"))?;
        let future = outgoing_handler::handle(outgoing, Some(options))
            .map_err(|code| failure::transport(&code))?;
        future.subscribe().block();
        match future.get() {
            Some(Ok(Ok(response))) => storage_response(response),
            Some(Ok(Err(code))) => Err(self.limits.or_total_timeout(failure::transport(&code))),
            None | Some(Err(())) => Err(TransportError::Broken("no response is ready".into())),
        }
    }

    async fn await_first_byte(&self, body: &mut ResponseBody) -> Result<(), TransportError> {
        // Reading nothing fails where the stream has (`wasi:io/streams`, `read`).
        self.read(body, 0).map(drop)
    }

    async fn read_whole(
        &self,
        body: &mut ResponseBody,
        length: u64,
    ) -> Result<Vec<u8>, TransportError> {
        let mut whole = Vec::new();
        loop {
            match length - whole.len() as u64 {
                0 => return Ok(whole),
                all if whole.is_empty() => whole = self.read(body, all)?,
                missing => whole.extend(self.read(body, missing)?),
            }
        }
    }

    async fn read_error_document(&self, body: ResponseBody) -> String {
        let deadline = deadline::after(ERROR_DOCUMENT_TIME);
        let mut document = Vec::new();
        while document.len() < ERROR_DOCUMENT_BYTES {
            poll(&[&body.stream.subscribe(), &deadline]);
            let missing = ERROR_DOCUMENT_BYTES - document.len();
            match body.stream.read(missing as u64) {
                Ok(bytes) if !bytes.is_empty() => document.extend(bytes),
                Ok(_) if !deadline.ready() => {}
                _ => break,
            }
        }
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
        std::thread::sleep((pause.at_least + random).min(self.time_left()));
    }
}

/// `None` when the host refuses one of the parts.
fn outgoing_request(endpoint: &Endpoint, request: &StorageRequest) -> Option<OutgoingRequest> {
    let headers = host_fields(request.headers.iter().map(|(name, value)| (name, value)));
    let outgoing = OutgoingRequest::new(Fields::from_list(&headers).ok()?);
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

fn storage_response(
    response: IncomingResponse,
) -> Result<StorageResponse<ResponseBody>, TransportError> {
    let broken = |part: &str| TransportError::Protocol(format!("its {part} cannot be read"));
    let status = StatusCode::from_u16(response.status()).map_err(|_| broken("status"))?;
    let fields = response.headers().entries().into_iter();
    let headers: Option<HeaderMap> = fields.map(header_field).collect();
    let headers = headers.ok_or_else(|| broken("header"))?;
    let body = response.consume().map_err(|()| broken("body"))?;
    let stream = body.stream().map_err(|()| broken("stream"))?;
    Ok(StorageResponse {
        status,
        headers,
        body: ResponseBody {
            stream,
            _body: body,
            _response: response,
        },
    })
}

fn denied(what: &str) -> TransportError {
    TransportError::Denied(format!("it does not accept {what}"))
}
