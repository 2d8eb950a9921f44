//! What the host says of a failure of HTTP, in words.

use wasip3::http::types::ErrorCode;

use crate::host_failure::words_for_error_codes;

words_for_error_codes!(ErrorCode);
