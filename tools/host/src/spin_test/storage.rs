//! The servers that the application calls: answers that the test has set beforehand.

use std::collections::HashMap;

use http::{Request, Response};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpHooks, p2::body::HyperOutgoingBody,
};

use crate::allowed_hosts::AllowedHosts;

/// Most pieces of a body that wait to be read: any number, since within one test nobody reads a body
/// while it is written.
const MAX_PIECES: usize = 1 << 20;

/// Answers by URL, each for one request.
#[derive(Default)]
pub struct Storage {
    answers: HashMap<String, Answer>,
    /// What the application may call.
    pub allowed_hosts: AllowedHosts,
}

/// What a request is answered with.
pub enum Answer {
    /// Status 200, and the request's own body.
    Echo,
    /// This response.
    Response(Response<HyperOutgoingBody>),
}

type Sent = Result<
    (
        Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl Storage {
    /// Answers the next request for this URL, and only that one.
    pub fn set(&mut self, url: String, answer: Answer) {
        self.answers.insert(url, answer);
    }

    fn answer(&mut self, request: Request<WasiBody>) -> Result<Response<WasiBody>, Error> {
        let url = request.uri().to_string();
        if !self.allowed_hosts.allow(request.uri()) {
            return Err(Error::HttpRequestDenied);
        }
        match self.answers.remove(&url) {
            Some(Answer::Echo) => Ok(Response::new(request.into_body())),
            Some(Answer::Response(response)) => Ok(response),
            None => Err(Error::InternalError(Some(format!(
                "the test has set no response for {url}, or it has been given already"
            )))),
        }
    }
}

impl WasiHttpHooks for Storage {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let answer = self.answer(request);
        Box::new(async {
            let done: Box<dyn Future<Output = _> + Send> = Box::new(async { Ok(()) });
            answer.map(|response| (response, done))
        })
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        MAX_PIECES
    }
}
