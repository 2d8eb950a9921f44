//! How the application is started.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::project;

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
    /// The command, whose options both hosts know.
    pub fn command(&self) -> Command {
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
