//! Load by `oha`, and whether every answer was what it had to be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

use xtask::cargo::cargo;
use xtask::{installed, process, project};

/// Its version, from crates.io.
pub const VERSION: &str = "1.16.0";

/// The load generator.
pub struct Oha(PathBuf);

/// What is asked for, over and over.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where.
    pub url: String,
    /// A header field, for example `Range: bytes=0-9`.
    pub field: Option<String>,
    /// The status that every answer must have.
    pub status: u16,
    /// The bytes that every body must have.
    pub bytes: u64,
}

/// What came of a turn of load.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Figures {
    /// Answers.
    pub requests: u64,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Answers in a second.
    pub requests_per_second: f64,
    /// From a request to the first byte of its body, in milliseconds, median; none without a body.
    pub first_byte_ms: Option<f64>,
    /// From a request to the last byte of its answer, in milliseconds, median.
    pub total_ms: f64,
    /// The same for the slowest of a hundred.
    pub total_p99_ms: f64,
}

impl Oha {
    /// The program on `PATH` (or that `OHA_BIN` names), else one that cargo installs.
    ///
    /// # Errors
    /// When there is neither.
    pub fn ensure() -> anyhow::Result<Self> {
        if let Some(program) = installed::find("oha", "OHA_BIN")? {
            return Ok(Self(program));
        }
        let folder = project::root().join("target/oha");
        let program = folder.join("bin/oha");
        if !program.is_file() {
            eprintln!("oha, the load generator, is built once; that takes some minutes");
            process::run_announced(
                cargo()
                    .args(["install", "oha", "--version", VERSION, "--locked", "--root"])
                    .arg(&folder),
            )
            .context("oha cannot be installed: put one on PATH, or name it by OHA_BIN")?;
        }
        Ok(Self(program))
    }

    /// Asks on so many connections for so many seconds, and waits for the last answers. `within`
    /// makes the command that runs a program where the client is.
    ///
    /// # Errors
    /// When an answer fails, or is not what it has to be.
    pub fn run(
        &self,
        request: &Request,
        connections: u32,
        seconds: u32,
        within: &dyn Fn(&Path) -> Command,
    ) -> anyhow::Result<Figures> {
        let mut command = within(&self.0);
        command
            .args(["--no-tui", "--output-format", "json", "--redirect", "0"])
            .args([
                "-z",
                &format!("{seconds}s"),
                "--wait-ongoing-requests-after-deadline",
            ])
            .args(["-c", &connections.to_string()]);
        if let Some(field) = &request.field {
            command.args(["-H", field]);
        }
        let output = command
            .arg(&request.url)
            .output()
            .context("oha cannot be started")?;
        if !output.status.success() {
            bail!(
                "oha failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let told: Told = serde_json::from_slice(&output.stdout)
            .context("oha's report is not what it was in the version that this was written for")?;
        told.check(request)?;
        told.figures()
    }
}

/// What of oha's report is used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    summary: Summary,
    latency_percentiles: Percentiles,
    first_byte_percentiles: Percentiles,
    status_code_distribution: BTreeMap<String, u64>,
    error_distribution: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    total: f64,
    requests_per_sec: f64,
    total_data: u64,
}

/// In seconds; none where nothing was measured.
#[derive(Debug, Deserialize)]
struct Percentiles {
    p50: Option<f64>,
    p99: Option<f64>,
}

impl Told {
    fn requests(&self) -> u64 {
        self.status_code_distribution.values().sum()
    }

    fn check(&self, request: &Request) -> anyhow::Result<()> {
        let Request {
            url, status, bytes, ..
        } = request;
        ensure!(
            self.error_distribution.is_empty(),
            "{url}: requests failed: {}",
            counted(&self.error_distribution)
        );
        let statuses = &self.status_code_distribution;
        ensure!(
            statuses.keys().eq([&status.to_string()]),
            "{url}: all answers had to be {status}, and were {}",
            counted(statuses)
        );
        let (expected, came) = (self.requests() * bytes, self.summary.total_data);
        ensure!(
            came == expected,
            "{url}: {} answers of {bytes} bytes each had to bring {expected}, and brought {came}",
            self.requests()
        );
        Ok(())
    }

    fn figures(&self) -> anyhow::Result<Figures> {
        let measured = |seconds: Option<f64>| {
            seconds
                .map(|seconds| seconds * 1000.0)
                .context("oha measured no latency")
        };
        Ok(Figures {
            requests: self.requests(),
            seconds: self.summary.total,
            requests_per_second: self.summary.requests_per_sec,
            first_byte_ms: self
                .first_byte_percentiles
                .p50
                .map(|seconds| seconds * 1000.0),
            total_ms: measured(self.latency_percentiles.p50)?,
            total_p99_ms: measured(self.latency_percentiles.p99)?,
        })
    }
}

/// What came how often.
fn counted(outcomes: &BTreeMap<String, u64>) -> String {
    let outcomes = outcomes
        .iter()
        .map(|(what, count)| format!("{count} times {what}"));
    outcomes.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    fn told(statuses: &str, errors: &str, bytes: u64) -> Told {
        serde_json::from_str(&format!(
            r#"{{
                "summary": {{ "total": 2.0, "requestsPerSec": 5.0, "totalData": {bytes} }},
                "latencyPercentiles": {{ "p50": 0.002, "p99": 0.004 }},
                "firstBytePercentiles": {{ "p50": 0.001, "p99": null }},
                "statusCodeDistribution": {statuses},
                "errorDistribution": {errors}
            }}"#
        ))
        .unwrap()
    }

    fn request() -> Request {
        Request {
            url: "http://127.0.0.1/".into(),
            field: None,
            status: 200,
            bytes: 7,
        }
    }

    #[test]
    fn a_turn_counts_when_every_answer_is_what_it_had_to_be() {
        for (statuses, errors, bytes, counts) in [
            (r#"{"200": 10}"#, "{}", 70, true),
            (r#"{"200": 10}"#, "{}", 69, false),
            (r#"{"200": 9, "502": 1}"#, "{}", 70, false),
            (r#"{"304": 10}"#, "{}", 70, false),
            (r#"{"200": 10}"#, r#"{"connection closed": 1}"#, 70, false),
            ("{}", "{}", 0, false),
        ] {
            let outcome = told(statuses, errors, bytes).check(&request());

            assert_eq!(outcome.is_ok(), counts, "{statuses} {errors} {bytes}");
        }
    }

    #[test]
    fn its_figures_are_in_milliseconds() {
        let figures = told(r#"{"200": 10}"#, "{}", 70).figures().unwrap();

        assert_eq!(figures.requests, 10);
        let told = [
            Some(figures.total_ms),
            Some(figures.total_p99_ms),
            figures.first_byte_ms,
        ];
        assert_eq!(
            told.map(|figure| figure.map(f64::round)),
            [Some(2.0), Some(4.0), Some(1.0)]
        );
    }
}
