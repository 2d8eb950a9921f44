//! The application's image route, `/api/v1/images/{id}/file`: what clients are served.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, Response, StatusCode, Url};
use uuid::Uuid;

use crate::http::{self, is_transient, time_for};
use crate::records_route::{Failure, record_url};

/// How long an application may be busy, or be restarted, before an image is given up.
const PATIENCE: Duration = Duration::from_secs(12);
/// What an error document holds beyond this is of no interest.
const ERROR_DOCUMENT_BYTES: usize = 4096;

/// An application, as its clients see it.
pub struct ImageRoute {
    client: Client,
    origin: Url,
}

/// What came of asking for an image.
#[derive(Debug, PartialEq, Eq)]
pub enum Served {
    /// The image.
    Whole,
    /// This, told so that it goes on where the image's name ends.
    Else(String),
}

/// An answer without an image.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    failure: Failure,
}

impl ImageRoute {
    /// The images of the application at `origin`.
    pub fn new(client: Client, origin: Url) -> Self {
        Self { client, origin }
    }

    /// Asks for an image, which should have so many bytes, as any client does, and throws them away.
    ///
    /// # Errors
    /// When the application cannot be asked.
    pub async fn get(&self, id: Uuid, size_bytes: u64) -> anyhow::Result<Served> {
        let attempt = async || {
            let request = self.client.get(image_url(&self.origin, id));
            let answer = request.timeout(time_for(size_bytes)).send().await?;
            if answer.status() == StatusCode::OK {
                return Ok(Ok(answer));
            }
            let refusal = Refusal::read(answer).await;
            if refusal.may_pass() {
                return Err(http::Failure::Passing(Err(refusal)));
            }
            Ok(Err(refusal))
        };
        let answer = http::persist(attempt, PATIENCE).await;
        let cannot_reach = || format!("cannot reach the application at {}", self.origin);
        Ok(match answer.with_context(cannot_reach)? {
            Ok(answer) => read(answer, size_bytes).await,
            Err(refusal) => Served::Else(refusal.to_string()),
        })
    }
}

impl Refusal {
    /// Reads what is said, as far as it is said.
    async fn read(mut answer: Response) -> Self {
        let document = http::beginning(&mut answer, ERROR_DOCUMENT_BYTES).await;
        Self {
            status: answer.status(),
            failure: serde_json::from_str(&document.unwrap_or_default()).unwrap_or_default(),
        }
    }

    /// Settings do not mend themselves, and storage has been asked again by the application.
    fn may_pass(&self) -> bool {
        let stays = ["configuration_error", "storage_error"];
        is_transient(self.status) && !stays.contains(&self.failure.code.as_str())
    }
}

impl Display for Refusal {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            failure: Failure { detail, code },
        } = self;
        write!(formatter, "was answered with {status}")?;
        if !code.is_empty() {
            write!(formatter, " ({code}): {detail}")?;
            if status.is_server_error() {
                formatter.write_str("; the application's log has the cause")?;
            }
        }
        Ok(())
    }
}

/// Reads an image to its end, a piece at a time.
async fn read(mut answer: Response, size_bytes: u64) -> Served {
    let mut length = 0;
    loop {
        match answer.chunk().await {
            Ok(Some(piece)) => length += piece.len() as u64,
            Ok(None) if length == size_bytes => return Served::Whole,
            Ok(None) => {
                return Served::Else(format!(
                    "was answered with {length} bytes, and has a record of {size_bytes}"
                ));
            }
            Err(_) => {
                return Served::Else(format!("broke off after {length} of {size_bytes} bytes"));
            }
        }
    }
}

/// Where the application at `origin` serves an image.
pub fn image_url(origin: &Url, id: Uuid) -> String {
    format!("{}/file", record_url(origin, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: StatusCode, code: &str) -> Refusal {
        let (detail, code) = ("In words".to_owned(), code.to_owned());
        let failure = Failure { detail, code };
        Refusal { status, failure }
    }

    #[test]
    fn what_may_be_served_next_time_is_asked_for_again() {
        for (status, code, may_pass) in [
            (StatusCode::SERVICE_UNAVAILABLE, "service_busy", true),
            (StatusCode::INTERNAL_SERVER_ERROR, "metadata_error", true),
            (StatusCode::INTERNAL_SERVER_ERROR, "storage_error", false),
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "configuration_error",
                false,
            ),
            (StatusCode::NOT_FOUND, "image_not_found", false),
            (StatusCode::BAD_GATEWAY, "", true),
            (StatusCode::FOUND, "", false),
        ] {
            let refusal = refusal(status, code);

            assert_eq!(refusal.may_pass(), may_pass, "{refusal:?}");
        }
    }

    #[test]
    fn a_refusal_is_told_by_its_status_and_by_the_application_s_own_words() {
        for (status, code, told) in [
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "storage_error",
                "was answered with 500 Internal Server Error (storage_error): In words; the \
                 application's log has the cause",
            ),
            (
                StatusCode::NOT_FOUND,
                "image_not_found",
                "was answered with 404 Not Found (image_not_found): In words",
            ),
            (
                StatusCode::BAD_GATEWAY,
                "",
                "was answered with 502 Bad Gateway",
            ),
        ] {
            assert_eq!(refusal(status, code).to_string(), told);
        }
    }
}
