//! Time limits on the host's clock.

use std::time::Duration;

use wasi::clocks::monotonic_clock;
use wasi::io::poll::Pollable;

use crate::component::nanoseconds;

/// Ready as soon as `limit` is over, counted from now.
pub fn after(limit: Duration) -> Pollable {
    monotonic_clock::subscribe_duration(nanoseconds(limit))
}
