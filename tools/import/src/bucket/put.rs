//! An image into the bucket, unless it is there.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_NONE_MATCH, RANGE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use rusty_s3::S3Action as _;
use tokio::sync::Notify;

use super::{Bucket, CHECKSUM, Held, field, file_body};
use crate::content::{Content, Source};
use crate::http::time_for;
use crate::record::digest;
use crate::stop::Stop;

/// How an upload went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upload {
    /// The object is in the bucket now.
    Done,
    /// It was there already.
    WasThere,
    /// The file holds other bytes than it did; there is no object.
    Changed,
    /// It was to end early; there is no object.
    Stopped,
}

impl Bucket {
    /// Uploads the image as the object `key`, unless it is there already. However this ends, the
    /// object is there whole or not at all. Keys are made of the content's hash: an object of that
    /// key and size is that content.
    ///
    /// # Errors
    /// When the file cannot be read, storage cannot be reached, or refuses.
    pub async fn put(
        &self,
        key: &str,
        content: &Content,
        source: Source,
        stop: &Stop,
    ) -> anyhow::Result<Upload> {
        let Some(held) = stop.race(self.held(key)).await? else {
            return Ok(Upload::Stopped);
        };
        if held
            .difference(content.size_bytes, digest(&content.sha256))
            .is_none()
        {
            return Ok(Upload::WasThere);
        }
        let put = stop.race(self.put_whole(key, content, &source, held));
        Ok(put.await?.unwrap_or(Upload::Stopped))
    }

    async fn put_whole(
        &self,
        key: &str,
        content: &Content,
        source: &Source,
        held: Held,
    ) -> anyhow::Result<Upload> {
        // What is there of another size or hash, whatever it is, is not this image.
        let only_if_absent = !matches!(held, Held::Object { .. });
        let answer = self.put_object(key, content, source, only_if_absent);
        let Some(answer) = answer.await? else {
            return Ok(Upload::Changed);
        };
        match answer.status() {
            status if status.is_success() => Ok(Upload::Done),
            // Somebody has just put it there, or it may not be seen.
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT
                if self.is_as_long_as(key, content).await? =>
            {
                Ok(Upload::WasThere)
            }
            // Storage that does not know conditions on writing says so.
            StatusCode::PRECONDITION_FAILED
            | StatusCode::CONFLICT
            | StatusCode::NOT_IMPLEMENTED => {
                match self.put_object(key, content, source, false).await? {
                    None => Ok(Upload::Changed),
                    Some(answer) if answer.status().is_success() => Ok(Upload::Done),
                    Some(answer) => anyhow::bail!(self.refusal(answer).await),
                }
            }
            _ => anyhow::bail!(self.refusal(answer).await),
        }
    }

    /// In one piece, which alone has a SHA-256 that is the object's: of an upload in parts S3 keeps one
    /// made of theirs. `None` where the file holds other bytes than it did.
    async fn put_object(
        &self,
        key: &str,
        content: &Content,
        source: &Source,
        only_if_absent: bool,
    ) -> anyhow::Result<Option<Response>> {
        let checksum = STANDARD.encode(digest(&content.sha256).unwrap_or_default());
        let length = content.size_bytes.to_string();
        let mut fields = vec![
            (CONTENT_TYPE.as_str(), content.kind.mime_type),
            (CHECKSUM, checksum.as_str()),
        ];
        if only_if_absent {
            fields.push((IF_NONE_MATCH.as_str(), "*"));
        }
        let mut action = self.address.put_object(Some(&self.credentials), key);
        for (name, value) in &fields {
            action.headers_mut().insert(*name, *value);
        }
        let change = Arc::new(Notify::new());
        let answer = self.send(&action, Method::PUT, |request| {
            let request = fields.iter().fold(request, |request, (name, value)| {
                request.header(*name, *value)
            });
            let request = request.timeout(time_for(content.size_bytes));
            match source {
                Source::Memory(bytes) => request.body(bytes.clone()),
                Source::File(file) => {
                    request
                        .header(CONTENT_LENGTH, &length)
                        .body(file_body::of_file(
                            file.clone(),
                            content,
                            Arc::clone(&change),
                        ))
                }
            }
        });
        tokio::select! {
            answer = answer => Ok(Some(answer?)),
            () = change.notified() => Ok(None),
        }
    }

    /// By its first byte, which a key may see that may not ask for heads.
    async fn is_as_long_as(&self, key: &str, content: &Content) -> anyhow::Result<bool> {
        let action = self.address.get_object(Some(&self.credentials), key);
        let first_byte = |request: RequestBuilder| request.header(RANGE, "bytes=0-0");
        let answer = self.send(&action, Method::GET, first_byte).await?;
        let size = field(&answer, CONTENT_RANGE)
            .and_then(|range| range.rsplit_once('/')?.1.parse::<u64>().ok());
        Ok(size == Some(content.size_bytes))
    }
}
