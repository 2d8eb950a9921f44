//! The way from the test to the application and back: one request, and its response.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::HOST};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Frame};
use tokio::{
    sync::oneshot::{self, error::TryRecvError},
    task::coop::unconstrained,
};
use wasmtime::{
    StoreContextMut,
    component::{HasSelf, Linker, Resource},
};
use wasmtime_wasi_http::{
    Error, FieldMap, WasiHttpView,
    p2::{
        bindings::http::types::{
            ErrorCode, IncomingBody, IncomingRequest, IncomingResponse, OutgoingRequest,
            ResponseOutparam, Scheme,
        },
        body::{HostIncomingBody, HyperOutgoingBody},
        types::HostIncomingResponse,
    },
};

use super::{bindings::fermyon::spin_test::http_helper, environment::Environment};
use crate::handler::answered_with;

/// Where the application's response arrives.
pub struct ResponseReceiver(oneshot::Receiver<Result<Response<HyperOutgoingBody>, ErrorCode>>);

/// What makes requests, and hands them to the application.
///
/// # Errors
/// When the linker has one of them already.
pub fn add_to_linker(linker: &mut Linker<Environment>) -> wasmtime::Result<()> {
    http_helper::add_to_linker::<_, HasSelf<Environment>>(linker, |environment| environment)?;
    linker
        .instance("wasi:http/incoming-handler@0.2.0")?
        .func_wrap_async("handle", |store, arguments| {
            Box::new(handle(store, arguments))
        })
}

/// Lets a fresh instance of the application answer, as for every request that Spin gets.
async fn handle(
    mut store: StoreContextMut<'_, Environment>,
    (request, outparam): (Resource<IncomingRequest>, Resource<ResponseOutparam>),
) -> wasmtime::Result<()> {
    let environment = store.data_mut();
    environment
        .resolve_variables()
        .map_err(|error| wasmtime::format_err!("{error:#}"))?;
    let pre = environment.application.pre.clone();
    let application = pre.instantiate_async(&mut store).await?;
    let handler = application.wasi_http_incoming_handler();
    handler.call_handle(&mut store, request, outparam).await
}

impl http_helper::Host for Environment {
    async fn new_request(
        &mut self,
        request: Resource<OutgoingRequest>,
        body: Option<Resource<IncomingBody>>,
    ) -> wasmtime::Result<Resource<IncomingRequest>> {
        let request = self.table.delete(request)?;
        let body = body.map(|body| self.table.delete(body)).transpose()?;
        let empty = || Empty::new().map_err(|never| match never {}).boxed_unsync();
        let incoming = Request::builder()
            .method::<http::Method>(request.method.try_into()?)
            .uri(request.path_with_query.as_deref().unwrap_or("/"))
            .body(request.body.unwrap_or_else(empty))?;
        let (mut head, sent) = incoming.into_parts();
        head.headers = request.headers.into();
        let authority = request.authority.as_deref().unwrap_or("localhost");
        head.headers.insert(HOST, HeaderValue::from_str(authority)?);
        let scheme = request.scheme.unwrap_or(Scheme::Http);
        let incoming = self
            .http()
            .new_incoming_request(scheme, Request::from_parts(head, sent))?;
        if let Some(body) = body {
            self.table.get_mut(&incoming)?.body = Some(body);
        }
        Ok(incoming)
    }

    async fn new_response(
        &mut self,
    ) -> wasmtime::Result<(Resource<ResponseOutparam>, Resource<ResponseReceiver>)> {
        let (sender, receiver) = oneshot::channel();
        let outparam = self.http().new_response_outparam(sender)?;
        Ok((outparam, self.table.push(ResponseReceiver(receiver))?))
    }
}

impl http_helper::HostResponseReceiver for Environment {
    async fn get(
        &mut self,
        receiver: Resource<ResponseReceiver>,
    ) -> wasmtime::Result<Option<Resource<IncomingResponse>>> {
        let response = match self.table.get_mut(&receiver)?.0.try_recv() {
            Ok(response) => response,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(None),
        };
        let response = response
            .map_err(|code| wasmtime::format_err!("the application {}", answered_with(code)))?;
        let (head, body) = response.into_parts();
        let response = HostIncomingResponse {
            status: head.status.as_u16(),
            headers: FieldMap::new_immutable(&mut self.storage, head.headers),
            body: Some(HostIncomingBody::new(WrittenBody(body).boxed_unsync())),
        };
        Ok(Some(self.table.push(response)?))
    }

    async fn drop(&mut self, receiver: Resource<ResponseReceiver>) -> wasmtime::Result<()> {
        self.table.delete(receiver)?;
        Ok(())
    }
}

/// A response body whose application has run to its end: what it has not written, nobody will.
struct WrittenBody(HyperOutgoingBody);

impl Body for WrittenBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        // Else tokio would now and then let it wait for no reason, to be fair to other tasks.
        match pin!(unconstrained(self.0.frame())).poll(cx) {
            Poll::Ready(frame) => Poll::Ready(frame),
            Poll::Pending => {
                let cause = "the component did not finish its response".to_owned();
                Poll::Ready(Some(Err(Error::InternalError(Some(cause)))))
            }
        }
    }
}
