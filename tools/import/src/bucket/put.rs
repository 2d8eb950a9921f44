//! An image into the bucket, unless it is there.

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, IF_NONE_MATCH, RANGE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use rusty_s3::S3Action as _;

use super::{Bucket, Held, field};
use crate::content::{Content, Source};
use crate::http::time_for;
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
        if held == Held::Bytes(content.size_bytes) {
            return Ok(Upload::WasThere);
        }
        match source {
            Source::Memory(bytes) => {
                let put = stop.race(self.put_whole(key, content, bytes, held));
                Ok(put.await?.unwrap_or(Upload::Stopped))
            }
            Source::File(file) => self.put_parts(key, content, &file, stop).await,
        }
    }

    async fn put_whole(
        &self,
        key: &str,
        content: &Content,
        bytes: Bytes,
        held: Held,
    ) -> anyhow::Result<Upload> {
        // What is there of another size, whatever it is, is not this image.
        let only_if_absent = !matches!(held, Held::Bytes(_));
        let answer = self
            .put_object(key, content, &bytes, only_if_absent)
            .await?;
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
                let answer = self.put_object(key, content, &bytes, false).await?;
                if !answer.status().is_success() {
                    anyhow::bail!(self.refusal(answer).await);
                }
                Ok(Upload::Done)
            }
            _ => anyhow::bail!(self.refusal(answer).await),
        }
    }

    async fn put_object(
        &self,
        key: &str,
        content: &Content,
        bytes: &Bytes,
        only_if_absent: bool,
    ) -> anyhow::Result<Response> {
        let mut action = self.address.put_object(Some(&self.credentials), key);
        let headers = action.headers_mut();
        headers.insert(CONTENT_TYPE.as_str(), content.kind.mime_type);
        if only_if_absent {
            headers.insert(IF_NONE_MATCH.as_str(), "*");
        }
        self.send(&action, Method::PUT, |request| {
            let request = request.header(CONTENT_TYPE, content.kind.mime_type);
            let request = if only_if_absent {
                request.header(IF_NONE_MATCH, "*")
            } else {
                request
            };
            request
                .timeout(time_for(bytes.len() as u64))
                .body(bytes.clone())
        })
        .await
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
