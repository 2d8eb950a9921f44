//! A task that only waits, so that the executor of the bindings does not give way to the host too early.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Keeps a task waiting until it is dropped.
///
/// The executor gives way to the host whenever it has polled as many of a request's tasks as there are,
/// and the host then sends the head of an answer without the first bytes of its body, which wait for the
/// client's acknowledgement where Nagle's algorithm is on. With one more task that is never polled again,
/// it goes on until nothing is left to do.
pub struct Parked(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    is_over: bool,
    waker: Option<Waker>,
}

impl Parked {
    /// Begins one beside the request that is at work.
    pub fn begin() -> Self {
        let state = Rc::<RefCell<State>>::default();
        let waiting = Rc::clone(&state);
        wasip3::spawn(poll_fn(move |cx| {
            let mut state = waiting.borrow_mut();
            if state.is_over {
                return Poll::Ready(());
            }
            state.waker = Some(cx.waker().clone());
            Poll::Pending
        }));
        Self(state)
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        let mut state = self.0.borrow_mut();
        state.is_over = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}
