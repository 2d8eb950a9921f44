//! A large image, sent in parts.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, ETAG};
use reqwest::{Method, Response};
use rusty_s3::S3Action as _;
use rusty_s3::actions::CreateMultipartUpload;
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

use super::error_document::code_and_message;
use super::{Bucket, Upload, field};
use crate::content::{Content, hex};
use crate::http::time_for;
use crate::stop::Stop;

/// At least 5 MiB, and at most 10,000 parts (Amazon S3 User Guide, "Multipart upload limits").
const PART_BYTES: u64 = 8 * 1024 * 1024;
/// How long the end of an import waits for storage to forget an upload.
const ABORT_TIMEOUT: Duration = Duration::from_secs(10);

impl Bucket {
    /// Uploads the file as the object `key`; there is no object until the last part is there.
    pub(super) async fn put_parts(
        &self,
        key: &str,
        content: &Content,
        file: &Path,
        stop: &Stop,
    ) -> anyhow::Result<Upload> {
        let Some(upload_id) = stop.race(self.begin(key, content)).await? else {
            return Ok(Upload::Stopped);
        };
        let put = stop.race(self.put_all_parts(key, content, file, &upload_id));
        let outcome = put.await.map(|put| put.unwrap_or(Upload::Stopped));
        if !matches!(outcome, Ok(Upload::Done)) {
            // Storage that cannot be told keeps the parts until its own rules remove them.
            let _ = tokio::time::timeout(ABORT_TIMEOUT, self.abort(key, &upload_id)).await;
        }
        outcome
    }

    async fn begin(&self, key: &str, content: &Content) -> anyhow::Result<String> {
        let mut action = self
            .address
            .create_multipart_upload(Some(&self.credentials), key);
        let media_type = content.kind.mime_type;
        action
            .headers_mut()
            .insert(CONTENT_TYPE.as_str(), media_type);
        let answer = self
            .send(&action, Method::POST, |request| {
                request.header(CONTENT_TYPE, media_type)
            })
            .await?;
        let document = self.document(answer).await?;
        let created = CreateMultipartUpload::parse_response(&document);
        let created =
            created.with_context(|| format!("{} does not begin an upload", self.shown))?;
        Ok(created.upload_id().to_owned())
    }

    async fn put_all_parts(
        &self,
        key: &str,
        content: &Content,
        file: &Path,
        upload_id: &str,
    ) -> anyhow::Result<Upload> {
        let mut parts = Parts::of(file)?;
        let mut etags = Vec::new();
        loop {
            let read = spawn_blocking(move || parts.next().map(|part| (parts, part)));
            let part;
            (parts, part) = read.await??;
            let Some(part) = part else { break };
            let number = u16::try_from(etags.len() + 1).context("it has too many parts")?;
            etags.push(self.put_part(key, number, upload_id, part).await?);
        }
        // What was sent is hashed once more: an object under a wrong hash would stay for ever.
        if parts.sha256() != content.sha256 {
            return Ok(Upload::Changed);
        }
        self.complete(key, upload_id, &etags).await?;
        Ok(Upload::Done)
    }

    /// The part's entity-tag.
    async fn put_part(
        &self,
        key: &str,
        number: u16,
        upload_id: &str,
        part: Bytes,
    ) -> anyhow::Result<String> {
        let credentials = Some(&self.credentials);
        let action = self
            .address
            .upload_part(credentials, key, number, upload_id);
        let answer = self
            .send(&action, Method::PUT, |request| {
                request
                    .timeout(time_for(part.len() as u64))
                    .body(part.clone())
            })
            .await?;
        if !answer.status().is_success() {
            bail!(self.refusal(answer).await);
        }
        let etag = field(&answer, ETAG).map(str::to_owned);
        etag.with_context(|| format!("{} did not give an entity-tag for a part", self.shown))
    }

    /// Storage may find out that it cannot after it has answered 200 (Amazon S3 API Reference,
    /// "`CompleteMultipartUpload`").
    async fn complete(&self, key: &str, upload_id: &str, etags: &[String]) -> anyhow::Result<()> {
        let etags = etags.iter().map(String::as_str);
        let credentials = Some(&self.credentials);
        let action = self
            .address
            .complete_multipart_upload(credentials, key, upload_id, etags);
        let body = action.clone().body();
        let answer = self
            .send(&action, Method::POST, |request| request.body(body.clone()))
            .await?;
        let document = self.document(answer).await?;
        if let Some(said) = code_and_message(&document) {
            bail!("cannot use {}: {said}", self.shown);
        }
        Ok(())
    }

    async fn abort(&self, key: &str, upload_id: &str) -> anyhow::Result<()> {
        let credentials = Some(&self.credentials);
        let action = self
            .address
            .abort_multipart_upload(credentials, key, upload_id);
        self.send(&action, Method::DELETE, |request| request)
            .await?;
        Ok(())
    }

    /// The text of an answer that is a success.
    async fn document(&self, answer: Response) -> anyhow::Result<String> {
        if !answer.status().is_success() {
            bail!(self.refusal(answer).await);
        }
        let text = answer.text().await.map_err(reqwest::Error::without_url);
        text.with_context(|| format!("{} broke off", self.shown))
    }
}

/// A file's bytes, a part at a time, and the hash of those that were read.
struct Parts {
    file: File,
    digest: Sha256,
}

impl Parts {
    fn of(file: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::open(file)?,
            digest: Sha256::new(),
        })
    }

    fn next(&mut self) -> io::Result<Option<Bytes>> {
        let mut part = Vec::new();
        self.file.by_ref().take(PART_BYTES).read_to_end(&mut part)?;
        self.digest.update(&part);
        Ok((!part.is_empty()).then(|| part.into()))
    }

    fn sha256(&self) -> String {
        hex(&self.digest.clone().finalize())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_in_parts_of_one_length_and_hashed_as_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("image");
        let bytes = vec![7; usize::try_from(PART_BYTES).unwrap() + 1];
        std::fs::write(&file, &bytes).unwrap();

        let mut parts = Parts::of(&file).unwrap();
        let mut lengths = Vec::new();
        while let Some(part) = parts.next().unwrap() {
            lengths.push(part.len() as u64);
        }

        assert_eq!(lengths, [PART_BYTES, 1]);
        assert_eq!(parts.sha256(), hex(&Sha256::digest(&bytes)));
    }
}
