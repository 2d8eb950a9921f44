//! Time limits on the host's clock.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use wasip3::clocks::monotonic_clock::wait_for;

use crate::component::nanoseconds;

/// What comes of `work`; `None` where that takes longer than `limit`. The host's clock is asked only
/// where there is something to wait for.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut over) = (pin!(work), pin!(wait_for(nanoseconds(limit))));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => over.as_mut().poll(cx).map(|()| None),
    })
    .await
}
