//! Time limits on the host's clock.

use std::time::Duration;

use wasi::clocks::monotonic_clock;
use wasi::io::poll::Pollable;

/// Ready as soon as `limit` is over, counted from now.
pub fn after(limit: Duration) -> Pollable {
    monotonic_clock::subscribe_duration(nanoseconds(limit))
}

/// As the host's interfaces take a duration; one that does not fit is as good as none.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
