//! The bucket: objects go in, are looked at, and are taken away.

mod error_document;
mod file_body;
mod put;

use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AsHeaderName, CONTENT_LENGTH};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use rusty_s3::{Credentials, S3Action, UrlStyle};
use sha2::{Digest as _, Sha256};

use crate::http::{self, time_for};
use crate::storage::Storage;
use error_document::code_and_message;

pub use put::Upload;

/// Of the whole object, in base64.
const CHECKSUM: &str = "x-amz-checksum-sha256";
const CHECKSUM_TYPE: &str = "x-amz-checksum-type";
const CHECKSUM_MODE: &str = "x-amz-checksum-mode";
const ENABLED: &str = "ENABLED";

/// How long storage may say that it is busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a signature stays good; each is used at once.
const SIGNED_FOR: Duration = Duration::from_mins(10);
/// What an error document holds beyond this is of no interest.
const ERROR_DOCUMENT_BYTES: usize = 4096;

/// A bucket, and the key that signs for it.
pub struct Bucket {
    client: Client,
    /// Where it is, and its region.
    address: rusty_s3::Bucket,
    credentials: Credentials,
    /// For messages.
    shown: String,
}

/// What storage lets be known of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It is there.
    Object {
        /// Its length.
        bytes: u64,
        /// That of the whole object, where storage keeps it.
        sha256: Option<[u8; 32]>,
    },
    /// It is not there.
    Nothing,
    /// Storage does not say: to a key that may not list, a missing object is a forbidden one
    /// (Amazon S3 API Reference, "`HeadObject`").
    Unknown,
}

/// Why an object is not an image's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// It is not there, or may not be seen.
    Missing,
    /// It has so many bytes.
    Bytes(u64),
    /// It has this SHA-256.
    Sha256([u8; 32]),
}

impl Held {
    /// What keeps this from being the object with so many bytes and this SHA-256, as far as both are
    /// known.
    pub fn difference(self, bytes: u64, sha256: Option<[u8; 32]>) -> Option<Difference> {
        let Self::Object {
            bytes: held,
            sha256: found,
        } = self
        else {
            return Some(Difference::Missing);
        };
        if held != bytes {
            return Some(Difference::Bytes(held));
        }
        let found = found.filter(|found| sha256.is_some_and(|sha256| sha256 != *found));
        found.map(Difference::Sha256)
    }
}

impl Bucket {
    /// # Errors
    /// When the endpoint cannot name the bucket as it should.
    pub fn open(client: Client, storage: &Storage) -> anyhow::Result<Self> {
        let Storage {
            endpoint, bucket, ..
        } = storage;
        let (endpoint_of_bucket, name, style) = if storage.virtual_hosted {
            let (name, endpoint) = split_host(endpoint).with_context(|| {
                format!("--endpoint {endpoint} does not name the bucket, as --addressing-style virtual wants it")
            })?;
            (endpoint, name, UrlStyle::VirtualHost)
        } else {
            (endpoint.clone(), bucket.clone(), UrlStyle::Path)
        };
        let shown = format!("the bucket {bucket} in storage at {endpoint}");
        let region = storage.region.clone();
        let Ok(address) = rusty_s3::Bucket::new(endpoint_of_bucket, style, name, region) else {
            bail!("cannot address {shown}");
        };
        let (id, secret) = (
            storage.access_key_id.clone(),
            storage.secret_access_key.clone(),
        );
        Ok(Self {
            client,
            address,
            credentials: match &storage.session_token {
                Some(token) => Credentials::new_with_token(id, secret, token.clone()),
                None => Credentials::new(id, secret),
            },
            shown,
        })
    }

    /// What there is of the object `key`.
    ///
    /// # Errors
    /// When storage cannot be asked.
    pub async fn held(&self, key: &str) -> anyhow::Result<Held> {
        let mut action = self.address.head_object(Some(&self.credentials), key);
        action.headers_mut().insert(CHECKSUM_MODE, ENABLED);
        let with_checksum = |request: RequestBuilder| request.header(CHECKSUM_MODE, ENABLED);
        let answer = self.send(&action, Method::HEAD, with_checksum).await?;
        match answer.status() {
            StatusCode::OK => Ok(field(&answer, CONTENT_LENGTH)
                .and_then(|length| length.parse().ok())
                .map_or(Held::Unknown, |bytes| Held::Object {
                    bytes,
                    sha256: sha256(&answer),
                })),
            StatusCode::NOT_FOUND => Ok(Held::Nothing),
            StatusCode::FORBIDDEN => Ok(Held::Unknown),
            _ => bail!(self.refusal(answer).await),
        }
    }

    /// Takes the object `key` away; fine if it is not there.
    ///
    /// # Errors
    /// When storage cannot be reached, or refuses.
    pub async fn delete(&self, key: &str) -> anyhow::Result<()> {
        let action = self.address.delete_object(Some(&self.credentials), key);
        let answer = self
            .send(&action, Method::DELETE, |request| request)
            .await?;
        if answer.status().is_success() || answer.status() == StatusCode::NOT_FOUND {
            return Ok(());
        }
        bail!(self.refusal(answer).await)
    }

    /// Reads the object `key`, which should have so many bytes: its SHA-256, and its length in bytes.
    ///
    /// # Errors
    /// When storage cannot be reached, refuses, or breaks off.
    pub async fn read(&self, key: &str, expected_bytes: u64) -> anyhow::Result<([u8; 32], u64)> {
        let action = self.address.get_object(Some(&self.credentials), key);
        let in_time = |request: RequestBuilder| request.timeout(time_for(expected_bytes));
        let mut answer = self.send(&action, Method::GET, in_time).await?;
        if answer.status() != StatusCode::OK {
            bail!(self.refusal(answer).await);
        }
        let (mut digest, mut length) = (Sha256::new(), 0);
        let next = async |answer: &mut Response| {
            let piece = answer.chunk().await.map_err(reqwest::Error::without_url);
            piece.with_context(|| format!("{} broke off", self.shown))
        };
        while let Some(piece) = next(&mut answer).await? {
            digest.update(&piece);
            length += piece.len() as u64;
        }
        Ok((digest.finalize().into(), length))
    }

    async fn send<'a>(
        &self,
        action: &impl S3Action<'a>,
        method: Method,
        complete: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> anyhow::Result<Response> {
        let request = || {
            let url = action.sign(SIGNED_FOR);
            complete(self.client.request(method.clone(), url))
        };
        let answer = http::send(request, PATIENCE).await;
        answer.with_context(|| format!("cannot reach {}", self.shown))
    }

    /// What storage said instead of doing it.
    async fn refusal(&self, mut answer: Response) -> String {
        let status = answer.status();
        let document = http::beginning(&mut answer, ERROR_DOCUMENT_BYTES).await;
        let document = document.unwrap_or_default();
        let document = &document[..document.floor_char_boundary(ERROR_DOCUMENT_BYTES)];
        match code_and_message(document) {
            Some(said) => format!("cannot use {}: it answered {status}: {said}", self.shown),
            None => format!("cannot use {}: it answered {status}", self.shown),
        }
    }
}

/// The first label of the endpoint's host, and the endpoint without it: together they are its host
/// again, which is all that virtual-hosted requests need of either.
fn split_host(endpoint: &Url) -> Option<(String, Url)> {
    let (name, host) = endpoint.domain()?.split_once('.')?;
    let mut rest = endpoint.clone();
    rest.set_host(Some(host)).ok()?;
    Some((name.to_owned(), rest))
}

fn field(answer: &Response, name: impl AsHeaderName) -> Option<&str> {
    answer.headers().get(name)?.to_str().ok()
}

/// Of the whole object: that of one which was uploaded in parts ends in their number, and is of another
/// length (Amazon S3 User Guide, "Checking object integrity in Amazon S3").
fn sha256(answer: &Response) -> Option<[u8; 32]> {
    let kind = field(answer, CHECKSUM_TYPE);
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("FULL_OBJECT")) {
        return None;
    }
    STANDARD
        .decode(field(answer, CHECKSUM)?)
        .ok()?
        .try_into()
        .ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    fn storage(endpoint: &str, virtual_hosted: bool) -> Storage {
        Storage {
            endpoint: endpoint.parse().unwrap(),
            bucket: "pictures".to_owned(),
            region: "us-east-1".to_owned(),
            virtual_hosted,
            access_key_id: "id".to_owned(),
            secret_access_key: "secret".to_owned(),
            session_token: None,
        }
    }

    #[test]
    fn an_object_is_addressed_by_path_or_by_the_endpoint_s_host_whatever_its_key() {
        for (endpoint, virtual_hosted, key, expected) in [
            (
                "http://127.0.0.1:9000",
                false,
                "/a//b c",
                "http://127.0.0.1:9000/pictures//a//b%20c",
            ),
            (
                "https://pictures.s3.example",
                true,
                "a/b",
                "https://pictures.s3.example/a/b",
            ),
            (
                "https://cdn.example:8443",
                true,
                "a",
                "https://cdn.example:8443/a",
            ),
        ] {
            let storage = storage(endpoint, virtual_hosted);
            let client = crate::http::client(&storage.endpoint).unwrap();
            let bucket = Bucket::open(client, &storage).unwrap();

            let url = bucket.address.object_url(key);

            assert_eq!(url.as_str(), expected);
        }
    }

    #[test]
    fn an_object_differs_by_length_or_by_a_sha_256_that_both_sides_know() {
        let held = |bytes, sha256| Held::Object { bytes, sha256 };
        let (one, other) = (Some([1; 32]), Some([2; 32]));

        for (held, expected, difference) in [
            (held(5, one), one, None),
            (held(5, None), one, None),
            (held(5, one), None, None),
            (held(5, other), one, Some(Difference::Sha256([2; 32]))),
            (held(6, one), one, Some(Difference::Bytes(6))),
            (Held::Nothing, one, Some(Difference::Missing)),
            (Held::Unknown, None, Some(Difference::Missing)),
        ] {
            assert_eq!(held.difference(5, expected), difference, "{held:?}");
        }
    }

    #[test]
    fn an_endpoint_without_a_name_cannot_name_a_bucket() {
        for endpoint in ["http://127.0.0.1:9000", "http://minio:9000"] {
            let storage = storage(endpoint, true);
            let client = crate::http::client(&storage.endpoint).unwrap();

            let error = Bucket::open(client, &storage).err().unwrap();

            assert!(error.to_string().contains("does not name the bucket"));
        }
    }
}
