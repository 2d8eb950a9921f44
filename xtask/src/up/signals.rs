//! The ways in which a terminal, or whoever started us, asks us to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Ends at the first Ctrl-C, `kill`, or closed terminal.
///
/// # Errors
/// When the signals cannot be watched.
pub fn stop_requested() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}
