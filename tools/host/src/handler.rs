//! One request: an instance of the component, its response, and whether it finished that.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{runtime::Handle, sync::oneshot};
use tokio_util::task::task_tracker::TaskTrackerToken;
use wasmtime::Store;
use wasmtime_wasi_http::{
    Error, WasiBody, WasiHttpView,
    p2::{
        bindings::http::types::{ErrorCode, Scheme},
        body::{HostOutgoingBody, HyperOutgoingBody},
    },
};

use crate::{
    diagnostics::report,
    engine::{Compiled, Instance, one_line},
};

/// Lets a fresh instance of the component answer `request`.
///
/// The instance works within the task of its connection, here and whenever its response's body is
/// asked for more: to wake another task for it takes longer than a small image does.
/// What goes wrong before the head goes out is a 500 without a body, as in Spin; after it, a broken body.
pub async fn handle(
    component: &Compiled,
    id: &str,
    request: Request<Incoming>,
    in_flight: TaskTrackerToken,
) -> Response<WasiBody> {
    let what = format!(
        "Component `{id}`: {} {}",
        request.method(),
        request.uri().path()
    );
    let (mut store, pre) = component.store();
    let (outparam, mut response) = oneshot::channel();
    let mut http = store.data_mut().http();
    let resources = http
        .new_incoming_request(Scheme::Http, request)
        .and_then(|request| Ok((request, http.new_response_outparam(outparam)?)));
    let (request, outparam) = match resources {
        Ok(resources) => resources,
        Err(error) => return failed(&what, &one_line(&error)),
    };

    let unfinished = Arc::new(AtomicBool::new(false));
    let mut guest = Guest::new({
        let (what, unfinished) = (what.clone(), unfinished.clone());
        async move {
            let outcome = match pre.instantiate_async(&mut store).await {
                Ok(proxy) => {
                    let handler = proxy.wasi_http_incoming_handler();
                    handler.call_handle(&mut store, request, outparam).await
                }
                Err(error) => Err(error),
            };
            // Set before the store goes, and with it the sending end of the body.
            let broken = outcome.is_err() || has_unfinished_body(&mut store);
            unfinished.store(broken, Ordering::Release);
            drop(in_flight);
            outcome.map_err(|error| report(format_args!("{what}: {}", one_line(&error))))
        }
    });

    let answered = tokio::select! {
        biased;
        answered = &mut response => answered,
        // It may have answered before it ended or failed.
        outcome = &mut guest => match (response.await, outcome) {
            (Err(_), Err(())) => return internal_error(),
            (answered, _) => answered,
        },
    };
    match answered {
        Ok(Ok(response)) => response.map(|body| {
            let body = GuestBody {
                body,
                guest,
                unfinished,
            };
            body.boxed_unsync()
        }),
        Ok(Err(code)) => failed(&what, &answered_with(code)),
        // Dropped, unused.
        Err(_) => failed(&what, "ended without a response"),
    }
}

/// An instance at work, until its end. When nobody asks for its response any more, for that has
/// gone out or its client away, it goes on in a task of its own.
struct Guest(Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>);

/// What fails has been reported.
type Outcome = Result<(), ()>;

impl Guest {
    fn new(work: impl Future<Output = Outcome> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl Future for Guest {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Some(work) = &mut self.0 else {
            return Poll::Pending;
        };
        let outcome = ready!(work.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(outcome)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

fn has_unfinished_body(store: &mut Store<Instance>) -> bool {
    let table = store.data_mut().http().table;
    table
        .iter_mut()
        .any(|resource| resource.is::<HostOutgoingBody>())
}

/// The bindings' own text of an error is Rust's notation.
pub fn answered_with(code: ErrorCode) -> String {
    format!("answered with an error: {}", Error::from(code))
}

fn failed(what: &str, reason: &str) -> Response<WasiBody> {
    report(format_args!("{what}: {reason}"));
    internal_error()
}

fn internal_error() -> Response<WasiBody> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

/// A response body that ends well only if the component said so.
///
/// Without it a body of unstated length would look whole when its component trapped.
struct GuestBody {
    body: HyperOutgoingBody,
    guest: Guest,
    unfinished: Arc<AtomicBool>,
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_pending() {
            // Whether it ends or waits, it may have written something.
            let _ = Pin::new(&mut self.guest).poll(cx);
            frame = Pin::new(&mut self.body).poll_frame(cx);
        }
        if matches!(frame, Poll::Ready(None)) && self.unfinished.load(Ordering::Acquire) {
            let cause = "the component did not finish its response".to_owned();
            return Poll::Ready(Some(Err(Error::InternalError(Some(cause)))));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_for_an_answer_is_told_in_words() {
        for (code, expected) in [
            (ErrorCode::InternalError(None), "internal error"),
            (
                ErrorCode::InternalError(Some("it's full".to_owned())),
                "internal error: it's full",
            ),
            (ErrorCode::ConnectionReadTimeout, "connection read timeout"),
        ] {
            assert_eq!(
                answered_with(code),
                format!("answered with an error: {expected}")
            );
        }
    }
}
