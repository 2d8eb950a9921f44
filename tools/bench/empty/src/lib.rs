//! A component that answers 304 to everything and does nothing else: no component on the same host can
//! be faster.
#![cfg(target_family = "wasm")]

use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{Fields, IncomingRequest, OutgoingResponse, ResponseOutparam};

struct Empty;

wasi::http::proxy::export!(Empty);

impl Guest for Empty {
    fn handle(_request: IncomingRequest, out: ResponseOutparam) {
        let response = OutgoingResponse::new(Fields::new());
        // Refused only of numbers that are not a status.
        let _ = response.set_status_code(304);
        ResponseOutparam::set(out, Ok(response));
    }
}
