//! The wish that a long command ends early, seen from every task of it.

use std::io;
use std::process::exit;

use tokio::sync::watch;

use crate::signals::StopSignals;

/// What a shell reports of a command that Ctrl-C ended.
pub const INTERRUPTED: u8 = 130;

/// Tells whether the command shall end, to any number of tasks.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// At the first Ctrl-C, `kill` or closed terminal; a second one ends the program at once. To be
    /// called within a runtime that lives as long as the command.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub fn on_signals() -> io::Result<Self> {
        let (request, stop) = watch::channel(false);
        let mut signals = StopSignals::catch()?;
        tokio::spawn(async move {
            loop {
                signals.next().await;
                if request.send_replace(true) {
                    exit(INTERRUPTED.into());
                }
            }
        });
        Ok(Self(stop))
    }

    /// Whether it has been asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }
}
