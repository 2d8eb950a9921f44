//! The application's records route, `/api/v1/images/{id}`: how records get in and out.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use uuid::Uuid;

use crate::http;
use crate::record::Record;

/// How long a store may be locked, or an application be restarted.
const PATIENCE: Duration = Duration::from_mins(1);

/// An application, and the token that opens its records.
pub struct RecordsRoute {
    client: Client,
    origin: Url,
    token: String,
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

/// What the application says of a failure.
#[derive(Default, Deserialize)]
struct Failure {
    detail: String,
    code: String,
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

    /// Where the application serves an image.
    pub fn image_url(&self, id: Uuid) -> String {
        format!("{}/file", self.url(id))
    }

    /// The record of an image, if there is one.
    ///
    /// # Errors
    /// When the application cannot be asked, or does not know the token.
    pub async fn get(&self, id: Uuid) -> anyhow::Result<Option<Record>> {
        let answer = self.ask(Method::GET, id, |request| request).await?;
        match answer.status() {
            StatusCode::OK => {
                let record = answer.json().await.map_err(reqwest::Error::without_url);
                Ok(Some(record.with_context(|| self.other_server())?))
            }
            _ => self.absent(answer).await.map(|()| None),
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
        let answer = self.ask(Method::PUT, id, with_content).await?;
        match answer.status() {
            StatusCode::CREATED => Ok(Put::Created),
            StatusCode::NO_CONTENT => Ok(Put::Kept),
            StatusCode::CONFLICT => Ok(Put::Refused(format!(
                "is another image than the one that the application knows as {id}: take that away \
                 first, by `image-proxy-import remove {id}`"
            ))),
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::PAYLOAD_TOO_LARGE => {
                let Failure { detail, .. } = failure(answer).await;
                Ok(Put::Refused(format!(
                    "is not accepted by the application: {detail}"
                )))
            }
            _ => bail!(self.unexpected(answer).await),
        }
    }

    /// Takes the record of an image away; `false` where there was none.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn delete(&self, id: Uuid) -> anyhow::Result<bool> {
        let answer = self.ask(Method::DELETE, id, |request| request).await?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(true),
            _ => self.absent(answer).await.map(|()| false),
        }
    }

    async fn ask(
        &self,
        method: Method,
        id: Uuid,
        complete: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> anyhow::Result<Response> {
        let request = || {
            let request = self.client.request(method.clone(), self.url(id));
            complete(request.bearer_auth(&self.token))
        };
        let answer = http::send(request, PATIENCE).await;
        answer.with_context(|| format!("cannot reach the application at {}", self.origin))
    }

    /// Whether the answer says that there is no record.
    async fn absent(&self, answer: Response) -> anyhow::Result<()> {
        if answer.status() != StatusCode::NOT_FOUND {
            bail!(self.unexpected(answer).await);
        }
        match failure(answer).await.code.as_str() {
            "image_not_found" => Ok(()),
            "not_found" => bail!(
                "the application at {} takes no records: set its variable records_token",
                self.origin
            ),
            _ => bail!("{}: it answered 404 Not Found", self.other_server()),
        }
    }

    async fn unexpected(&self, answer: Response) -> String {
        let (status, origin) = (answer.status(), &self.origin);
        let Failure { detail, code } = failure(answer).await;
        match status {
            StatusCode::UNAUTHORIZED => format!(
                "the application at {origin} does not accept the token: \
                 IMAGE_PROXY_RECORDS_TOKEN must be its variable records_token"
            ),
            StatusCode::NOT_FOUND if code == "not_found" => format!(
                "the application at {origin} takes no records: set its variable records_token"
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
        let origin = self.origin.as_str().trim_end_matches('/');
        format!("{origin}/api/v1/images/{}", id.hyphenated())
    }
}

/// Empty where the answer is of another server.
async fn failure(answer: Response) -> Failure {
    answer.json().await.unwrap_or_default()
}
