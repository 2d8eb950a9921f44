//! An instance at work: where it works, and what becomes of its response when it fails.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use tokio::runtime::Handle;
use wasmtime_wasi_http::{Error, WasiBody, p2::body::HyperOutgoingBody};

use crate::{
    answer::{self, Refusal},
    log_line::{End, RequestLog},
};

/// Why an instance did not finish what it began.
pub enum Failure {
    /// There is no room for it.
    Full(String),
    /// It trapped.
    Trapped(String),
    /// It returned, and has not finished its response's body.
    Unfinished,
}

type Outcome = Result<(), Failure>;
type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// An instance whose response has no head yet. It ends with its client, and says so.
pub struct Unanswered {
    /// Until it has ended.
    work: Option<Work>,
    log: Option<RequestLog>,
}

impl Unanswered {
    /// An instance that does this work for the request of `log`.
    pub fn new(work: impl Future<Output = Outcome> + Send + 'static, log: RequestLog) -> Self {
        Self {
            work: Some(Box::pin(work)),
            log: Some(log),
        }
    }

    /// The response has a head: the instance works on at `workplace` for as long as hyper has the body.
    pub fn answered(
        mut self,
        status: StatusCode,
        body: HyperOutgoingBody,
        outcome: Option<Outcome>,
        workplace: Workplace,
    ) -> GuestBody {
        let guest = self.log.take().map(|log| Guest {
            work: self.work.take(),
            log,
            status,
            bytes: 0,
        });
        workplace.take_in(guest, outcome);
        GuestBody { body, workplace }
    }

    /// The host answers in the place of the instance, which may work on.
    pub fn replaced(mut self, refusal: &Refusal<'_>) -> Response<WasiBody> {
        if let Some(work) = self.work.take() {
            tokio::spawn(work);
        }
        match self.log.take() {
            Some(log) => answer::refuse(&log, refusal),
            None => answer::plain(StatusCode::INTERNAL_SERVER_ERROR, ""),
        }
    }
}

impl Future for Unanswered {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Some(work) = &mut self.work else {
            return Poll::Pending;
        };
        let outcome = ready!(work.as_mut().poll(cx));
        self.work = None;
        Poll::Ready(outcome)
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(log) = self.log.take() {
            // First the instance, and with it what it holds of storage.
            self.work = None;
            log.client_went_away();
        }
    }
}

/// An instance whose response has a head.
struct Guest {
    /// Until it has ended.
    work: Option<Work>,
    log: RequestLog,
    status: StatusCode,
    /// Of the body, so far.
    bytes: u64,
}

impl Guest {
    fn end(&mut self, outcome: &Outcome) {
        self.work = None;
        if let Err(Failure::Full(cause) | Failure::Trapped(cause)) = outcome {
            self.log.broke_off(&End {
                status: self.status,
                bytes: self.bytes,
                code: None,
                cause,
            });
        }
    }

    /// Works on, in a task of its own.
    async fn leave(mut self, work: Work) {
        let outcome = work.await;
        self.end(&outcome);
    }
}

/// Where the instance works that answers on a connection: within the task of that, whether hyper asks
/// for its response's body or the client takes nothing. To wake another task for it takes longer than
/// a small image does.
#[derive(Clone, Default)]
pub struct Workplace(Arc<Mutex<Place>>);

#[derive(Default)]
struct Place {
    guest: Option<Guest>,
    is_broken: bool,
    /// Since the connection's task was woken.
    has_worked: bool,
}

impl Workplace {
    /// Lets the instance work, unless it has since the task was woken. Comes last in each turn.
    pub fn end_turn(&self, cx: &mut Context<'_>) {
        let mut place = self.place();
        if !std::mem::take(&mut place.has_worked) {
            place.work(cx);
        }
    }

    /// Whether the instance has ended and left its response unfinished.
    pub fn is_broken(&self) -> bool {
        self.place().is_broken
    }

    fn take_in(&self, guest: Option<Guest>, outcome: Option<Outcome>) {
        let mut place = self.place();
        place.guest = guest;
        place.is_broken = false;
        if let Some(outcome) = outcome {
            place.end(&outcome);
        }
    }

    /// The next instance may come; this one goes on in a task of its own.
    fn leave(&self) {
        let guest = self.place().guest.take();
        if let Some(mut guest) = guest
            && let (Some(work), Ok(runtime)) = (guest.work.take(), Handle::try_current())
        {
            runtime.spawn(guest.leave(work));
        }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn work(&mut self, cx: &mut Context<'_>) {
        let work = self.guest.as_mut().and_then(|guest| guest.work.as_mut());
        if let Some(work) = work
            && let Poll::Ready(outcome) = work.as_mut().poll(cx)
        {
            self.end(&outcome);
        }
    }

    fn end(&mut self, outcome: &Outcome) {
        self.is_broken = outcome.is_err();
        if let Some(guest) = &mut self.guest {
            guest.end(outcome);
        }
    }
}

/// A response body that ends well only if the component said so.
///
/// Without it a body of unstated length would look whole when its component trapped.
pub struct GuestBody {
    body: HyperOutgoingBody,
    workplace: Workplace,
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
            let mut place = self.workplace.place();
            place.has_worked = true;
            place.work(cx);
            drop(place);
            frame = Pin::new(&mut self.body).poll_frame(cx);
        }
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                if let Some(guest) = &mut self.workplace.place().guest {
                    guest.bytes += bytes;
                }
            }
            Poll::Ready(None) if self.workplace.is_broken() => {
                let cause = "the component did not finish its response".to_owned();
                return Poll::Ready(Some(Err(Error::InternalError(Some(cause)))));
            }
            _ => {}
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

impl Drop for GuestBody {
    fn drop(&mut self) {
        self.workplace.leave();
    }
}
