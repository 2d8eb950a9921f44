//! The wish that a long command ends early, seen from every task of it.

use std::io;
use std::process::exit;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

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
        for kind in [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ] {
            let (mut signals, request) = (signal(kind)?, request.clone());
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    if request.send_replace(true) {
                        exit(INTERRUPTED.into());
                    }
                }
            });
        }
        Ok(Self(stop))
    }

    /// What comes of `work`, unless it is to end early: then nothing. What `work` has sent may arrive all
    /// the same.
    pub async fn race<T>(
        &self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<Option<T>> {
        tokio::select! {
            outcome = work => outcome.map(Some),
            () = self.requested() => Ok(None),
        }
    }

    /// Whether it has been asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends once it is asked for.
    pub async fn requested(&self) {
        let mut stop = self.0.clone();
        if stop.wait_for(|requested| *requested).await.is_err() {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
    }
}
