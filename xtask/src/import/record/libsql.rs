//! Records as rows of the table `images` on a libSQL server, over Hrana 2
//! (<https://github.com/tursodatabase/libsql/blob/main/docs/HRANA_2_SPEC.md>).

use std::iter;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;

use super::sqlite::{UPSERT, schema};
use super::{Record, RecordStore, Writing};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A database of a libSQL server.
pub struct Database {
    agent: Agent,
    /// Where requests go.
    pipeline: String,
    token: Option<String>,
    schema: String,
    writing: Writing,
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Outcome {
    Ok { response: Response },
    Error { error: Failure },
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Response {
    Batch {
        result: Steps,
    },
    #[serde(other)]
    Other,
}

/// What a batch's steps did; a step that was not run has neither.
#[derive(Default, Deserialize)]
struct Steps {
    step_results: Vec<Option<Changes>>,
    step_errors: Vec<Option<Failure>>,
}

#[derive(Deserialize)]
struct Changes {
    affected_row_count: u64,
}

#[derive(Deserialize)]
struct Failure {
    message: String,
}

impl Database {
    /// Applies the project's migrations to the database at `url`: `http`, `https`, or `libsql`, which
    /// is `https`.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub fn prepare(url: &str, token: Option<&str>, writing: Writing) -> anyhow::Result<Self> {
        let origin = url
            .trim_end_matches('/')
            .replacen("libsql://", "https://", 1);
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .build();
        let database = Self {
            agent: agent.into(),
            pipeline: format!("{origin}/v2/pipeline"),
            token: token.map(str::to_owned),
            schema: schema()?,
            writing,
        };
        if writing == Writing::Kept {
            database.run(vec![sequence(&database.schema)])?;
        }
        Ok(database)
    }

    /// Runs requests of one stream, which ends with them, and returns the steps of their batch.
    fn run(&self, mut requests: Vec<Value>) -> anyhow::Result<Option<Steps>> {
        requests.push(json!({"type": "close"}));
        let body = json!({"baton": null, "requests": requests}).to_string();
        self.exchange(body)
            .and_then(|answer| steps_of(answer, requests.len()))
            .with_context(|| format!("cannot use the database at {}", self.pipeline))
    }

    fn exchange(&self, body: String) -> anyhow::Result<Answer> {
        let mut request = self
            .agent
            .post(&self.pipeline)
            .header("Content-Type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut answer = request.send(body)?;
        let status = answer.status();
        let text = answer.body_mut().read_to_string()?;
        if !status.is_success() {
            bail!("it answered {status}: {}", text.trim());
        }
        serde_json::from_str(&text).context("it speaks no Hrana 2")
    }
}

impl RecordStore for Database {
    fn save(&self, records: &[Record]) -> anyhow::Result<Vec<bool>> {
        let count = records.len();
        let upserts = records.iter().map(upsert);
        let requests = match self.writing {
            Writing::Kept => {
                let statements = iter::once(statement("BEGIN IMMEDIATE"))
                    .chain(upserts)
                    .chain([statement("COMMIT"), statement("ROLLBACK")]);
                vec![batch(statements, Some(count + 2))]
            }
            Writing::Tried => vec![
                sequence(&format!("BEGIN IMMEDIATE;\n{}", self.schema)),
                batch(upserts, None),
                sequence("ROLLBACK"),
            ],
        };
        let first = usize::from(self.writing == Writing::Kept);
        let steps = self.run(requests)?.unwrap_or_default();
        if let Some(error) = steps.step_errors.into_iter().flatten().next() {
            bail!(
                "cannot write records to {}: {}",
                self.pipeline,
                error.message
            );
        }
        let changed: Vec<bool> = steps
            .step_results
            .into_iter()
            .skip(first)
            .take(count)
            .flatten()
            .map(|changes| changes.affected_row_count > 0)
            .collect();
        if changed.len() != count {
            bail!("{} did not tell of every record", self.pipeline);
        }
        Ok(changed)
    }
}

fn steps_of(answer: Answer, asked: usize) -> anyhow::Result<Option<Steps>> {
    if answer.results.len() != asked {
        bail!("it left requests unanswered");
    }
    let mut steps = None;
    for outcome in answer.results {
        match outcome {
            Outcome::Ok {
                response: Response::Batch { result },
            } => steps = Some(result),
            Outcome::Ok { .. } => {}
            Outcome::Error { error } => bail!("{}", error.message),
        }
    }
    Ok(steps)
}

/// Statements of which each is run if the one before succeeded, but `undo` if it did not.
fn batch(statements: impl Iterator<Item = Value>, undo: Option<usize>) -> Value {
    let steps: Vec<Value> = statements
        .enumerate()
        .map(|(place, statement)| {
            let succeeded = place
                .checked_sub(1)
                .map(|before| json!({"type": "ok", "step": before}));
            let condition = if undo == Some(place) {
                json!({"type": "not", "cond": succeeded})
            } else {
                json!(succeeded)
            };
            json!({"condition": condition, "stmt": statement})
        })
        .collect();
    json!({"type": "batch", "batch": {"steps": steps}})
}

fn sequence(sql: &str) -> Value {
    json!({"type": "sequence", "sql": sql})
}

fn statement(sql: &str) -> Value {
    json!({"sql": sql})
}

fn upsert(record: &Record) -> Value {
    let text = |value: &str| json!({"type": "text", "value": value});
    json!({"sql": UPSERT, "args": [
        text(&record.id.hyphenated().to_string()),
        text(&record.storage_key),
        text(&record.mime_type),
        text(&record.hash),
        // Integers travel as text: not every reader of JSON knows 64 bits.
        {"type": "integer", "value": record.size_bytes.to_string()},
    ]})
}
