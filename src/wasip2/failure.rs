//! What the host says of a failure of HTTP, in words.

use wasi::http::types::{ErrorCode, http_error_code};
use wasi::io::streams::StreamError;

use crate::host_failure::{first_line, words_for_error_codes};

words_for_error_codes!(ErrorCode);

/// Why a stream of an HTTP body ended.
pub fn stream(error: &StreamError) -> String {
    match error {
        StreamError::Closed => "the stream ended early".to_owned(),
        StreamError::LastOperationFailed(cause) => match http_error_code(cause) {
            Some(code) => http(&code),
            None => first_line(cause.to_debug_string()),
        },
    }
}
