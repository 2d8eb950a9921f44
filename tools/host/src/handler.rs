//! One request: an instance of the component, and its response or the host's in its place.

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio_util::task::task_tracker::TaskTrackerToken;
use wasmtime::{PoolConcurrencyLimitError, Store};
use wasmtime_wasi_http::{
    Error, WasiBody, WasiHttpView,
    p2::{
        bindings::http::types::{ErrorCode, Scheme},
        body::HostOutgoingBody,
    },
};

use crate::{
    answer::{self, Refusal},
    engine::{Compiled, Instance, one_line},
    guest::{Failure, Unanswered, Workplace},
    log_line::RequestLog,
};

/// Lets a fresh instance of the component answer `request`; it works at `workplace` once its response
/// has a head.
///
/// What goes wrong before that is a 500 without a body, as in Spin; after it, a broken body.
pub async fn handle(
    component: &Compiled,
    request: Request<Incoming>,
    in_flight: TaskTrackerToken,
    workplace: Workplace,
    log: RequestLog,
) -> Response<WasiBody> {
    let Some((mut store, pre)) = component.store() else {
        return answer::refuse(&log, &Refusal::Busy("all instances are at work"));
    };
    let (outparam, mut response) = oneshot::channel();
    let mut http = store.data_mut().http();
    let resources = http
        .new_incoming_request(Scheme::Http, request)
        .and_then(|request| Ok((request, http.new_response_outparam(outparam)?)));
    let (request, outparam) = match resources {
        Ok(resources) => resources,
        Err(error) => return answer::refuse(&log, &Refusal::Failed(&one_line(&error))),
    };

    let work = async move {
        let proxy = pre.instantiate_async(&mut store).await;
        let proxy = proxy.map_err(|error| failure(&error))?;
        let handler = proxy.wasi_http_incoming_handler();
        let outcome = handler.call_handle(&mut store, request, outparam).await;
        drop(in_flight);
        outcome.map_err(|error| failure(&error))?;
        if has_unfinished_body(&mut store) {
            return Err(Failure::Unfinished);
        }
        Ok(())
    };
    let mut guest = Unanswered::new(work, log);
    let (answered, outcome) = tokio::select! {
        // The instance first: what it answers within its first turn is there within this one.
        biased;
        // It may have answered before it ended or failed.
        outcome = &mut guest => (response.await, Some(outcome)),
        answered = &mut response => (answered, None),
    };
    match (answered, outcome) {
        (Ok(Ok(response)), outcome) => {
            let (head, body) = response.into_parts();
            let body = guest.answered(head.status, body, outcome, workplace);
            Response::from_parts(head, body.boxed_unsync())
        }
        (Ok(Err(code)), _) => guest.replaced(&Refusal::Failed(&answered_with(code))),
        (Err(_), Some(Err(Failure::Full(cause)))) => guest.replaced(&Refusal::Busy(&cause)),
        (Err(_), Some(Err(Failure::Trapped(cause)))) => guest.replaced(&Refusal::Failed(&cause)),
        // Dropped, unused.
        (Err(_), _) => guest.replaced(&Refusal::Failed("the component ended without a response")),
    }
}

fn failure(error: &wasmtime::Error) -> Failure {
    let cause = one_line(error);
    if error.is::<PoolConcurrencyLimitError>() {
        Failure::Full(cause)
    } else {
        Failure::Trapped(cause)
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
