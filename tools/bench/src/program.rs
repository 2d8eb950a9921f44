//! A server under measurement: started with its words in a file, ended with the value.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use reqwest::blocking::Response;
use rustix::process::{Signal, kill_process_group};

use xtask::{process, project};

/// Longest that a server may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often a server that starts is asked.
const PAUSE: Duration = Duration::from_millis(1);

/// How long a server may take to end before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A running server.
pub struct Program {
    child: Child,
    started: Instant,
    log: PathBuf,
}

impl Program {
    /// Starts `command` in a process group of its own, its output in `server.log` of `folder`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command, folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join("server.log");
        let output = File::create(&log).with_context(|| log.display().to_string())?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        let started = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self {
            child,
            started,
            log,
        })
    }

    /// The id of its first process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a GET of `url` is answered without an error, and tells the time since the start of the process.
    ///
    /// # Errors
    /// When it ends instead, or takes too long; the text says where its own words are.
    pub fn wait_until_it_answers(&mut self, url: &str) -> anyhow::Result<Duration> {
        let address = address_of(url)?;
        loop {
            // A client takes longer to be refused than a socket does.
            let listens = TcpStream::connect_timeout(&address, PATIENCE).is_ok();
            if listens && is_answered(url) {
                return Ok(self.started.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended ({status}): {}", self.words());
            }
            if self.started.elapsed() > PATIENCE {
                bail!("it does not answer {url}: {}", self.words());
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn words(&self) -> String {
        format!("its words are in {}", project::shown(&self.log))
    }
}

fn is_answered(url: &str) -> bool {
    let answer = reqwest::blocking::get(url).and_then(Response::error_for_status);
    answer.is_ok()
}

fn address_of(url: &str) -> anyhow::Result<SocketAddr> {
    let authority = url.split('/').nth(2).unwrap_or_default();
    authority
        .parse()
        .with_context(|| format!("{url} names no address and port"))
}

impl Drop for Program {
    fn drop(&mut self) {
        let Some(group) = process::group_of(&self.child) else {
            return;
        };
        let _ = process::ends_in_time(&mut self.child, group, Signal::TERM, STOP_LIMIT);
        // Also for what the first process left behind.
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
    }
}
