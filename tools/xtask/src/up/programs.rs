//! The programs that `up` runs: started, listened to, and ended together.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use rustix::process::{Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::address;
use crate::steps::say;
use crate::{process, with_parent};

const START_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Somebody asked for the end: this is how it passes through what returns errors, and it is not one.
#[derive(Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// All of them, in the order of their start.
pub struct Programs {
    events: Receiver<Event>,
    sender: Sender<Event>,
    running: Vec<Program>,
}

struct Program {
    name: &'static str,
    child: Child,
}

enum Event {
    /// A line of a program's standard output.
    Line(&'static str, String),
    /// A program has closed its standard output.
    Closed(&'static str),
    /// Ctrl-C, `kill`, or the closed terminal.
    Stop,
}

impl Programs {
    /// None yet; from now on signals end them one after the other instead of this program at once.
    ///
    /// # Errors
    /// When signals cannot be watched.
    pub fn watch() -> anyhow::Result<Self> {
        let (sender, events) = channel();
        let mut signals =
            Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot watch for Ctrl-C")?;
        let stop = sender.clone();
        std::thread::spawn(move || {
            signals
                .forever()
                .take_while(|_| stop.send(Event::Stop).is_ok())
                .for_each(drop);
        });
        Ok(Self {
            events,
            sender,
            running: Vec::new(),
        })
    }

    /// Starts one in a process group of its own, so that Ctrl-C reaches it through
    /// [`stop`](Self::stop) alone, and once.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&mut self, name: &'static str, command: &Command) -> anyhow::Result<()> {
        let mut child = with_parent::command(command)?
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        if let Some(stdout) = child.stdout.take() {
            let sender = self.sender.clone();
            std::thread::spawn(move || forward(name, stdout, &sender));
        }
        self.running.push(Program { name, child });
        Ok(())
    }

    /// Waits until a program says where it serves, and returns that address.
    ///
    /// # Errors
    /// When any of them ends instead, or it takes too long, or [`Interrupted`].
    pub fn address_of(&mut self, name: &'static str) -> anyhow::Result<SocketAddr> {
        let started = Instant::now();
        loop {
            let left = START_LIMIT.saturating_sub(started.elapsed());
            match self.events.recv_timeout(left) {
                Ok(Event::Line(of, line)) => match origin_in(&line) {
                    Some(origin) if of == name => return address::of_origin(origin),
                    _ => say(&line),
                },
                Ok(Event::Closed(of)) => return Err(self.end_of(of)),
                Ok(Event::Stop) => return Err(Interrupted.into()),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    bail!("{name} did not start within {} s", START_LIMIT.as_secs())
                }
            }
        }
    }

    /// Waits until a program has ended, shows what the others say, and returns what this one said.
    ///
    /// # Errors
    /// When another one ends, or [`Interrupted`].
    pub fn output_of(&mut self, name: &'static str) -> anyhow::Result<(String, ExitStatus)> {
        let mut output = String::new();
        loop {
            match self.events.recv()? {
                Event::Line(of, line) if of == name => output.extend([&line, "\n"]),
                Event::Line(_, line) => say(&line),
                Event::Closed(of) if of == name => return Ok((output, self.wait_for(name)?)),
                Event::Closed(of) => return Err(self.end_of(of)),
                Event::Stop => return Err(Interrupted.into()),
            }
        }
    }

    /// Shows what they say until one of them ends.
    ///
    /// # Errors
    /// Which has ended, or [`Interrupted`]; it never ends otherwise.
    pub fn run(&mut self) -> anyhow::Error {
        loop {
            match self.events.recv() {
                Ok(Event::Line(_, line)) => say(&line),
                Ok(Event::Closed(of)) => return self.end_of(of),
                Ok(Event::Stop) => return Interrupted.into(),
                Err(error) => return error.into(),
            }
        }
    }

    /// Asks all of them to stop, the last first, and waits for their ends; one that does not stop in
    /// time is killed.
    pub fn stop(&mut self) {
        while let Some(program) = self.running.pop() {
            program.stop();
        }
    }

    fn end_of(&mut self, name: &'static str) -> anyhow::Error {
        match self.wait_for(name) {
            Ok(status) => anyhow!("{name} ended by itself ({status}); what it said is above"),
            Err(error) => error,
        }
    }

    fn wait_for(&mut self, name: &'static str) -> anyhow::Result<ExitStatus> {
        let index = self.running.iter().position(|program| program.name == name);
        let mut program = self
            .running
            .remove(index.with_context(|| format!("{name} does not run"))?);
        let status = program.child.wait();
        status.with_context(|| format!("cannot wait for {name}"))
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Program {
    fn stop(mut self) {
        let Some(group) = process::group_of(&self.child) else {
            return;
        };
        if !process::ends_in_time(&mut self.child, group, Signal::INT, STOP_LIMIT) {
            let limit = STOP_LIMIT.as_secs();
            eprintln!("{} did not stop within {limit} s: killing it", self.name);
            let _ = kill_process_group(group, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

fn forward(name: &'static str, stdout: ChildStdout, events: &Sender<Event>) {
    let mut lines = BufReader::new(stdout);
    let mut line = Vec::new();
    while lines
        .read_until(b'\n', &mut line)
        .is_ok_and(|read| read > 0)
    {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if events.send(Event::Line(name, text)).is_err() {
            return;
        }
        line.clear();
    }
    let _ = events.send(Event::Closed(name));
}

/// All of them say `Serving http://127.0.0.1:3000` when they listen, Spin too.
fn origin_in(line: &str) -> Option<&str> {
    let origin = line.trim().strip_prefix("Serving ")?.trim_end_matches('/');
    origin.starts_with("http").then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_says_where_it_serves_is_recognised() {
        for (line, origin) in [
            (
                "Serving http://127.0.0.1:3000",
                Some("http://127.0.0.1:3000"),
            ),
            ("Serving http://[::1]:3000/", Some("http://[::1]:3000")),
            ("Serving images", None),
            ("  image-proxy: http://127.0.0.1:3000 (wildcard)", None),
        ] {
            assert_eq!(origin_in(line), origin, "{line}");
        }
    }
}
