//! The program that runs the application: started, watched and stopped.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{sleep, timeout};
use ureq::Agent;

use crate::project;

const START_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// What the application is started with.
pub struct Launch<'a> {
    /// The program that runs it.
    pub program: &'a Path,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where its databases are.
    pub state: &'a Path,
    /// Whether its records are rows of a table, which the migrations make.
    pub has_table: bool,
    /// Values of its variables that go before those of the runtime configuration.
    pub variables: &'a [(&'a str, &'a str)],
    /// What opens its records route.
    pub records_token: &'a str,
}

impl Launch<'_> {
    // Both hosts know all of these.
    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command
            .arg("up")
            .arg("--from")
            .arg(project::manifest())
            .arg("--listen")
            .arg(self.listen.to_string())
            .arg("--runtime-config-file")
            .arg(project::runtime_config())
            .arg("--state-dir")
            .arg(self.state);
        if self.has_table {
            let schema = project::migration();
            command
                .arg("--sqlite")
                .arg(format!("@{}", schema.display()));
        }
        for (name, value) in self.variables {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        // Others on this machine see arguments.
        command.env("SPIN_VARIABLE_RECORDS_TOKEN", self.records_token);
        command.current_dir(project::root());
        command
    }
}

/// A running host.
pub struct Host {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Host {
    /// Starts it in a process group of its own, so that Ctrl-C reaches it through
    /// [`stop`](Self::stop) alone, and once.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(launch: &Launch) -> anyhow::Result<Self> {
        let mut child = launch
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", project::shown(launch.program)))?;
        let stdout = child.stdout.take().context("the host has no output")?;
        Ok(Self {
            child,
            output: BufReader::new(stdout).lines(),
        })
    }

    /// Waits until the application answers, and returns its origin, for example `http://127.0.0.1:3000`.
    ///
    /// # Errors
    /// When the host ends instead, or takes too long.
    pub async fn wait_until_healthy(&mut self) -> anyhow::Result<String> {
        let healthy = async {
            let origin = self.wait_until_it_serves().await?;
            wait_for_health(&origin).await;
            Ok(origin)
        };
        timeout(START_LIMIT, healthy).await.with_context(|| {
            format!(
                "the application did not answer within {} s",
                START_LIMIT.as_secs()
            )
        })?
    }

    async fn wait_until_it_serves(&mut self) -> anyhow::Result<String> {
        while let Some(line) = self.next_line().await? {
            if let Some(origin) = origin_in(&line) {
                return Ok(origin.to_owned());
            }
        }
        let status = self
            .child
            .wait()
            .await
            .context("cannot wait for the host")?;
        bail!("the host did not start ({status}); what it said is above")
    }

    /// Shows what the host prints, until it ends by itself.
    ///
    /// # Errors
    /// When its output cannot be read.
    pub async fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        while self.next_line().await?.is_some() {}
        self.child.wait().await.context("cannot wait for the host")
    }

    async fn next_line(&mut self) -> anyhow::Result<Option<String>> {
        let line = self
            .output
            .next_line()
            .await
            .context("cannot read what the host prints")?;
        if let Some(line) = &line {
            // A closed terminal is no reason to stop serving.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
        Ok(line)
    }

    /// Asks the host to stop and waits for its end; one that does not stop in time is killed.
    ///
    /// # Errors
    /// When its end cannot be waited for.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(group) = self.group() {
            // Fails only when nobody of the group is left.
            let _ = kill_process_group(group, Signal::INT);
        }
        if timeout(STOP_LIMIT, self.child.wait()).await.is_err() {
            eprintln!(
                "the host did not stop within {} s: killing it",
                STOP_LIMIT.as_secs()
            );
            if let Some(group) = self.group() {
                let _ = kill_process_group(group, Signal::KILL);
            }
        }
        self.child
            .wait()
            .await
            .context("cannot wait for the host")?;
        Ok(())
    }

    // `None` once the child has been waited for: its number may be somebody else's by then.
    fn group(&self) -> Option<Pid> {
        self.child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
    }
}

/// Both hosts say `Serving http://127.0.0.1:3000` when they listen.
fn origin_in(line: &str) -> Option<&str> {
    let origin = line.trim().strip_prefix("Serving ")?.trim_end_matches('/');
    origin.starts_with("http").then_some(origin)
}

async fn wait_for_health(origin: &str) {
    let url = format!("{origin}/.well-known/spin/health");
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(2)))
        .build()
        .into();
    loop {
        let (agent, url) = (agent.clone(), url.clone());
        let answer = tokio::task::spawn_blocking(move || agent.get(&url).call().is_ok()).await;
        if matches!(answer, Ok(true)) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
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
