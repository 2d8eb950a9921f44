//! What the host answers itself, where no component does.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::WasiBody;

use crate::log_line::{End, RequestLog, X_REQUEST_ID};

/// The contract's error of a service that is full.
const BUSY: &str = r#"{"detail":"Service is busy","code":"service_busy"}"#;

/// Why a request that is meant for a component is answered by the host, with the cause for the log.
pub enum Refusal<'a> {
    /// The request cannot be given to a component: 400.
    Invalid(&'a str),
    /// The component did not answer: 500.
    Failed(&'a str),
    /// There is no room for an instance: 503.
    Busy(&'a str),
}

/// The answer, of which `log` tells.
pub fn refuse(log: &RequestLog, refusal: &Refusal<'_>) -> Response<WasiBody> {
    let (status, body, code, cause) = match refusal {
        Refusal::Invalid(cause) => (StatusCode::BAD_REQUEST, "", None, cause),
        Refusal::Failed(cause) => (StatusCode::INTERNAL_SERVER_ERROR, "", None, cause),
        Refusal::Busy(cause) => {
            let code = Some("service_busy");
            (StatusCode::SERVICE_UNAVAILABLE, BUSY, code, cause)
        }
    };
    let request_id = log.answered(&End {
        status,
        bytes: body.len() as u64,
        code,
        cause,
    });
    let mut response = plain(status, body);
    if code.is_some() {
        response.headers_mut().extend([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (RETRY_AFTER, HeaderValue::from_static("1")),
            (X_REQUEST_ID, request_id),
        ]);
    }
    response
}

/// A status and a text.
pub fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<WasiBody> {
    let body = Full::new(body.into()).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response
}
