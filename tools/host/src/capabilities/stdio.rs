//! What components write to their standard output and error.
//!
//! As in Spin, both are shown on the host's standard error and appended to a file of the component's.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use anyhow::Context as _;
use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    WasiCtx,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use crate::standard_error;

/// Most bytes that a component may write in one call.
const MAX_WRITE: usize = 64 * 1024;

/// Where the output of all components goes.
pub struct Stdio {
    /// Folder of the files; `None` for none.
    log_dir: Option<PathBuf>,
    /// Whether nothing is shown.
    quiet: bool,
}

impl Stdio {
    /// Files in `log_dir`, which is made; nothing shown where `quiet`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(log_dir: Option<PathBuf>, quiet: bool) -> anyhow::Result<Self> {
        if let Some(folder) = &log_dir {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        Ok(Self { log_dir, quiet })
    }

    /// The folder of the files, if there are any.
    pub fn log_dir(&self) -> Option<&Path> {
        self.log_dir.as_deref()
    }

    /// The output of the component with this id.
    ///
    /// # Errors
    /// When its files cannot be opened.
    pub fn grant(&self, id: &str) -> anyhow::Result<Instance> {
        Ok(Instance {
            stdout: self.sink(id, "stdout")?,
            stderr: self.sink(id, "stderr")?,
        })
    }

    fn sink(&self, id: &str, stream: &str) -> anyhow::Result<Sink> {
        let open = |folder: &PathBuf| {
            let path = folder.join(format!("{}_{stream}.txt", id.replace(['/', '\\'], "")));
            let file = File::options().create(true).append(true).open(&path);
            file.map(Arc::new)
                .with_context(|| path.display().to_string())
        };
        Ok(Sink {
            file: self.log_dir.as_ref().map(open).transpose()?,
            shown: !self.quiet,
        })
    }
}

/// One component's output.
#[derive(Clone)]
pub struct Instance {
    stdout: Sink,
    stderr: Sink,
}

impl Instance {
    /// Writes a line of the host's among those of the component's standard error.
    pub fn write_error(&self, line: &[u8]) {
        self.stderr.write_all(line);
    }

    /// Output that goes nowhere.
    #[cfg(test)]
    pub fn silent() -> Self {
        let nowhere = Sink {
            file: None,
            shown: false,
        };
        Self {
            stdout: nowhere.clone(),
            stderr: nowhere,
        }
    }

    /// The WASI context of an instance that writes here: no files, no environment, no network.
    pub fn context(&self) -> WasiCtx {
        WasiCtx::builder()
            .stdout(self.stdout.clone())
            .stderr(self.stderr.clone())
            .build()
    }
}

#[derive(Clone)]
struct Sink {
    file: Option<Arc<File>>,
    shown: bool,
}

impl Sink {
    /// Writes at once, since a component may end right after its last line. A full disk must not
    /// fail a request.
    fn write_all(&self, bytes: &[u8]) {
        if let Some(mut file) = self.file.as_deref() {
            let _ = file.write_all(bytes);
        }
        if self.shown {
            standard_error::write(bytes);
        }
    }
}

impl IsTerminal for Sink {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Sink {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(PoliteStream {
            sink: self.clone(),
            is_its_turn: false,
        })
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

/// A stream that lets others go first: a component logs when it has answered, and what it has
/// answered is sent by the same thread.
struct PoliteStream {
    sink: Sink,
    is_its_turn: bool,
}

#[async_trait::async_trait]
impl Pollable for PoliteStream {
    async fn ready(&mut self) {
        if !self.is_its_turn {
            tokio::task::yield_now().await;
            self.is_its_turn = true;
        }
    }
}

impl OutputStream for PoliteStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.sink.write_all(&bytes);
        self.is_its_turn = false;
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(if self.is_its_turn { MAX_WRITE } else { 0 })
    }
}

impl AsyncWrite for Sink {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write_all(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
