//! One client's connection: hyper, and the instance that answers on it, in one task.

use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::StatusCode;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_util::task::TaskTracker;

use crate::{guest::Workplace, log_line::End, server::Application, tcp};

/// How long a client may take for what was written before its response broke off.
const LEFTOVER: Duration = Duration::from_secs(1);

/// Answers on `stream`, in a task of its own.
pub fn accept(
    application: &Arc<Application>,
    connections: &GracefulShutdown,
    stream: TcpStream,
    client: SocketAddr,
    in_flight: &TaskTracker,
) {
    tcp::prepare_inbound(&stream);
    let workplace = Workplace::default();
    let service = service_fn({
        let (application, in_flight) = (application.clone(), in_flight.clone());
        let workplace = workplace.clone();
        move |request| {
            let (application, workplace) = (application.clone(), workplace.clone());
            let in_flight = in_flight.token();
            async move {
                let answer = application.answer(request, client, in_flight, workplace);
                Ok::<_, Infallible>(answer.await)
            }
        }
    });
    let connection = http1::Builder::new()
        // For hyper's default of 30 s to send a request's head.
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    let application = application.clone();
    tokio::spawn(async move {
        // A client that hangs up is not worth a line, and a response that broke off has been reported.
        if let Some(Err(error)) = work_within(connection, &workplace).await
            && let Some(status) = status_of_broken_head(&error)
        {
            report_broken_head(&application, status, &error);
        }
    });
}

/// Lets the instance at `workplace` work whenever the task of its connection is woken: hyper asks for
/// nothing of a client that takes nothing, and the instance's timers must fire all the same.
///
/// `None` where an instance broke off and its client does not take what there is.
async fn work_within<C: Future>(connection: C, workplace: &Workplace) -> Option<C::Output> {
    let mut connection = pin!(connection);
    let mut leftover = None;
    poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        workplace.end_turn(cx);
        if workplace.is_broken() && is_over(&mut leftover, cx) {
            return Poll::Ready(None);
        }
        Poll::Pending
    })
    .await
}

fn is_over(leftover: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) -> bool {
    let leftover = leftover.get_or_insert_with(|| Box::pin(sleep(LEFTOVER)));
    leftover.as_mut().poll(cx).is_ready()
}

/// What hyper itself has answered to a head that it could not read.
fn status_of_broken_head(error: &hyper::Error) -> Option<StatusCode> {
    if !error.is_parse() || error.is_parse_version_h2() {
        return None;
    }
    Some(if !error.is_parse_too_large() {
        StatusCode::BAD_REQUEST
    } else if error.to_string().contains("URI") {
        StatusCode::URI_TOO_LONG
    } else {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    })
}

fn report_broken_head(application: &Application, status: StatusCode, error: &hyper::Error) {
    if let Some(log) = application.log_of_broken_head() {
        log.answered(&End {
            status,
            bytes: 0,
            code: None,
            cause: &format!("the request's head cannot be read: {error}"),
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::future::pending;

    use http::Request;
    use http_body_util::{BodyExt, Empty};
    use tokio::sync::oneshot;

    use super::*;
    use crate::{
        capabilities::stdio,
        guest::{Failure, GuestBody, Unanswered},
        log_line::RequestLog,
    };

    /// The body of a response whose instance is at work, and which nobody reads.
    fn unread(
        workplace: &Workplace,
        work: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) -> GuestBody {
        let log = RequestLog::of(&Request::new(()), stdio::Instance::silent());
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        Unanswered::new(work, log).answered(StatusCode::OK, body, None, workplace.clone())
    }

    #[tokio::test]
    async fn the_timers_of_an_instance_fire_whatever_its_client_takes() {
        let workplace = Workplace::default();
        let (fire, fired) = oneshot::channel();
        let _body = unread(&workplace, async {
            sleep(Duration::from_millis(1)).await;
            let _ = fire.send(());
            Ok(())
        });

        let outcome = tokio::select! {
            _ = work_within(pending::<()>(), &workplace) => None,
            fired = fired => fired.ok(),
        };

        assert_eq!(outcome, Some(()));
    }

    #[tokio::test]
    async fn a_connection_ends_when_its_instance_has_broken_off_and_its_client_takes_nothing() {
        for failure in [Failure::Unfinished, Failure::Trapped("unreachable".into())] {
            let workplace = Workplace::default();
            let _body = unread(&workplace, async { Err(failure) });

            let ended = work_within(pending::<()>(), &workplace).await;

            assert!(ended.is_none());
        }
    }
}
