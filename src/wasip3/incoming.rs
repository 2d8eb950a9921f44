//! Bytes of a body that comes in, a request's or an answer's of storage.

use wasip3::http::types::{ErrorCode, Trailers};
use wasip3::wit_bindgen::{FutureReader, StreamReader, StreamResult};

/// What is left of a body.
pub struct IncomingBody {
    stream: StreamReader<u8>,
    /// Tells whether the stream's end is the body's. It is asked once, and the stream is not read again:
    /// that would be a trap.
    end: Option<FutureReader<Result<Option<Trailers>, ErrorCode>>>,
}

impl IncomingBody {
    /// Of the two parts that the host gives it in.
    pub fn new(
        stream: StreamReader<u8>,
        end: FutureReader<Result<Option<Trailers>, ErrorCode>>,
    ) -> Self {
        Self {
            stream,
            end: Some(end),
        }
    }

    /// The next bytes, at least one and at most `most` of them; none at the end.
    ///
    /// # Errors
    /// When it breaks before its end.
    pub async fn read(&mut self, most: usize) -> Result<Vec<u8>, ErrorCode> {
        if self.end.is_none() {
            return Ok(Vec::new());
        }
        match self.stream.read(Vec::with_capacity(most)).await {
            (StreamResult::Complete(_), bytes) => Ok(bytes),
            (StreamResult::Dropped | StreamResult::Cancelled, _) => self.finish().await,
        }
    }

    async fn finish(&mut self) -> Result<Vec<u8>, ErrorCode> {
        match self.end.take() {
            Some(end) => end.await.map(|_| Vec::new()),
            None => Ok(Vec::new()),
        }
    }
}
