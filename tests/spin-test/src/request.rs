//! One request to the application, and its answer.

use crate::bindings::fermyon::spin_test::http_helper;
use crate::bindings::wasi::http::incoming_handler;
use crate::bindings::wasi::http::types::{Fields, IncomingBody, IncomingResponse, OutgoingRequest};
use crate::bindings::wasi::io::streams::StreamError;

/// What the application answered.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    /// How many bytes of the body were handed over at once, each time.
    pub pieces: Vec<usize>,
}

impl Answer {
    /// The values of all lines of this header, in lower case, joined by a comma.
    pub fn header(&self, name: &str) -> String {
        let lines = self.headers.iter().filter(|(known, _)| known == name);
        let values: Vec<_> = lines
            .map(|(_, value)| String::from_utf8_lossy(value))
            .collect();
        values.join(", ")
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Asks for `path`.
pub fn get(path: &str) -> Answer {
    get_with(path, &[])
}

/// Asks for `path` with these headers.
pub fn get_with(path: &str, headers: &[(&str, &str)]) -> Answer {
    let fields = Fields::new();
    for (name, value) in headers {
        fields.append(name, value.as_bytes()).unwrap();
    }
    let request = OutgoingRequest::new(fields);
    request.set_authority(Some("images.example")).unwrap();
    request.set_path_with_query(Some(path)).unwrap();

    let request = http_helper::new_request(request, None);
    let (outparam, receiver) = http_helper::new_response();
    incoming_handler::handle(request, outparam);
    read(&receiver.get().expect("an answer"))
}

fn read(response: &IncomingResponse) -> Answer {
    let pieces = read_body(&response.consume().unwrap());
    Answer {
        status: response.status(),
        headers: response.headers().entries(),
        body: pieces.concat(),
        pieces: pieces.iter().map(Vec::len).collect(),
    }
}

fn read_body(body: &IncomingBody) -> Vec<Vec<u8>> {
    let stream = body.stream().unwrap();
    let mut pieces = Vec::new();
    loop {
        // One read never takes of two pieces.
        match stream.blocking_read(1 << 20) {
            Ok(piece) => pieces.push(piece),
            Err(StreamError::Closed) => return pieces,
            Err(StreamError::LastOperationFailed(error)) => {
                panic!("the body broke off: {}", error.to_debug_string())
            }
        }
    }
}
