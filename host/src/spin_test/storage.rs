//! The servers that the application calls: answers that the test has set beforehand.

use std::collections::HashMap;

use http::{Request, Response};
use wasmtime::component::{HasSelf, Linker};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpHooks, p2::body::HyperOutgoingBody,
};

use super::{
    bindings::fermyon::spin_wasi_virt::http_handler::{self, ResponseHandler},
    environment::Environment,
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

enum Answer {
    Echo,
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

/// What sets the answers.
///
/// # Errors
/// When the linker has it already.
pub fn add_to_linker(linker: &mut Linker<Environment>) -> wasmtime::Result<()> {
    http_handler::add_to_linker::<_, HasSelf<Environment>>(linker, |environment| environment)
}

impl http_handler::Host for Environment {
    async fn set_response(
        &mut self,
        url: String,
        response: ResponseHandler,
    ) -> wasmtime::Result<()> {
        let answer = match response {
            ResponseHandler::Echo => Answer::Echo,
            ResponseHandler::Response(response) => {
                Answer::Response(self.table.delete(response)?.try_into()?)
            }
        };
        self.storage.answers.insert(url, answer);
        Ok(())
    }
}
