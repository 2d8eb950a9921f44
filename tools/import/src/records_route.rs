//! The application's records route, `/api/v1/images/{id}`: how records get in and out.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use uuid::Uuid;

use crate::http::{self, is_transient};
use crate::record::Record;

/// How long a store may be locked, or an application be restarted, before a record is given up.
const WRITING_PATIENCE: Duration = Duration::from_mins(1);
/// As long, before a record is taken for one that nobody can read.
const READING_PATIENCE: Duration = Duration::from_secs(12);
/// No record, and nothing that the application says of one, is longer.
const ANSWER_BYTES: usize = 64 * 1024;

/// An application, and the token that opens its records.
pub struct RecordsRoute {
    client: Client,
    origin: Url,
    token: String,
}

/// What the application knows of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// This.
    Record(Record),
    /// Nothing.
    Nothing,
    /// Its record cannot be read, or cannot be used.
    Unusable,
}

impl Known {
    /// The record, or else what is wrong with the image.
    pub fn record(self) -> Result<Record, &'static str> {
        match self {
            Self::Record(record) => Ok(record),
            Self::Nothing => Err("has no record"),
            Self::Unusable => Err("has a record that cannot be used"),
        }
    }

    /// What would become of this record.
    pub fn if_put(self, id: Uuid, record: &Record) -> Put {
        match self {
            Self::Nothing => Put::Created,
            Self::Record(known) if known.is_image_of(record) => Put::Kept,
            Self::Record(_) | Self::Unusable => Put::Refused(conflict(id)),
        }
    }
}

/// What became of a record that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// There was none.
    Created,
    /// It was there.
    Kept,
    /// The application does not take it, for this reason.
    Refused(String),
}

/// A whole answer.
struct Answer {
    status: StatusCode,
    text: String,
}

/// What the application says of a failure; empty where another server answers.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Failure {
    /// In words.
    pub detail: String,
    /// By which programs know it.
    pub code: String,
}

impl Answer {
    fn failure(&self) -> Failure {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

/// Why a record of another hash, type or size is not written.
pub fn conflict(id: Uuid) -> String {
    format!(
        "is another image than the one that the application knows as {id}: take that away first, by \
         `image-proxy-import remove {id}`"
    )
}

impl RecordsRoute {
    /// The records of the application at `origin`.
    pub fn new(client: Client, origin: Url, token: String) -> Self {
        Self {
            client,
            origin,
            token,
        }
    }

    /// The record of an image.
    ///
    /// # Errors
    /// When the application cannot be asked, or does not know the token.
    pub async fn get(&self, id: Uuid) -> anyhow::Result<Known> {
        let answer = self.ask(Method::GET, id, READING_PATIENCE, |request| request);
        let answer = answer.await?;
        match (answer.status, answer.failure().code.as_str()) {
            (StatusCode::OK, _) => serde_json::from_str(&answer.text)
                .map(Known::Record)
                .with_context(|| self.other_server()),
            (StatusCode::NOT_FOUND, "image_not_found") => Ok(Known::Nothing),
            (StatusCode::INTERNAL_SERVER_ERROR, "metadata_error") => Ok(Known::Unusable),
            _ => bail!(self.unexpected(&answer)),
        }
    }

    /// Writes the record of an image.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn put(&self, id: Uuid, record: &Record) -> anyhow::Result<Put> {
        let content = serde_json::to_vec(record)?;
        let with_content = |request: RequestBuilder| {
            let request = request.header(CONTENT_TYPE, "application/json");
            request.body(content.clone())
        };
        let answer = self.ask(Method::PUT, id, WRITING_PATIENCE, with_content);
        let answer = answer.await?;
        match answer.status {
            StatusCode::CREATED => Ok(Put::Created),
            StatusCode::NO_CONTENT => Ok(Put::Kept),
            StatusCode::CONFLICT => Ok(Put::Refused(conflict(id))),
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::PAYLOAD_TOO_LARGE => {
                let Failure { detail, .. } = answer.failure();
                let reason = format!("is not accepted by the application: {detail}");
                Ok(Put::Refused(reason))
            }
            _ => bail!(self.unexpected(&answer)),
        }
    }

    /// Takes the record of an image away; `false` where there was none.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn delete(&self, id: Uuid) -> anyhow::Result<bool> {
        let answer = self.ask(Method::DELETE, id, WRITING_PATIENCE, |request| request);
        let answer = answer.await?;
        match (answer.status, answer.failure().code.as_str()) {
            (StatusCode::NO_CONTENT, _) => Ok(true),
            (StatusCode::NOT_FOUND, "image_not_found") => Ok(false),
            _ => bail!(self.unexpected(&answer)),
        }
    }

    async fn ask(
        &self,
        method: Method,
        id: Uuid,
        patience: Duration,
        complete: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> anyhow::Result<Answer> {
        let attempt = async || {
            let request = self.client.request(method.clone(), self.url(id));
            let mut answer = complete(request.bearer_auth(&self.token)).send().await?;
            let text = http::beginning(&mut answer, ANSWER_BYTES).await?;
            let status = answer.status();
            let answer = Answer { status, text };
            // Settings do not mend themselves.
            if is_transient(status) && answer.failure().code != "configuration_error" {
                return Err(http::Failure::Passing(answer));
            }
            Ok(answer)
        };
        let answer = http::persist(attempt, patience).await;
        answer.with_context(|| format!("cannot reach the application at {}", self.origin))
    }

    fn unexpected(&self, answer: &Answer) -> String {
        let (status, origin) = (answer.status, &self.origin);
        let Failure { detail, code } = answer.failure();
        match status {
            StatusCode::UNAUTHORIZED => format!(
                "the application at {origin} does not accept the token: \
                 IMAGE_PROXY_RECORDS_TOKEN must be its variable records_token"
            ),
            StatusCode::NOT_FOUND if code == "not_found" => format!(
                "the application at {origin} does not accept records there: set its variable \
                 records_token, and give --records without a path of its own"
            ),
            _ if code.is_empty() => format!("{}: it answered {status}", self.other_server()),
            _ => format!(
                "the application at {origin} answered {status}: {detail}; its log has the cause"
            ),
        }
    }

    fn other_server(&self) -> String {
        format!("{} does not answer as image-proxy does", self.origin)
    }

    fn url(&self, id: Uuid) -> String {
        record_url(&self.origin, id)
    }
}

/// Where the application at `origin` has the record of an image.
pub fn record_url(origin: &Url, id: Uuid) -> String {
    let origin = origin.as_str().trim_end_matches('/');
    format!("{origin}/api/v1/images/{}", id.hyphenated())
}
