use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use http::header::EXPECT;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::service::Service;
use s3s::service::S3Service;

/// How long a client may take to send what nobody wants any more.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads what is refused, too: a client that is still sending would find its connection closed before
/// it sees the answer.
#[derive(Clone)]
pub(crate) struct ReadToEnd(pub(crate) S3Service);

impl Service<Request<Incoming>> for ReadToEnd {
    type Response = s3s::HttpResponse;
    type Error = s3s::HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        // It sends nothing before it is told to, and is not told to by an answer that refuses
        // (RFC 9110 section 10.1.1).
        let waits = request.headers().contains_key(EXPECT);
        let request = request.map(|body| {
            s3s::Body::http_body_unsync(Content {
                body: Some(body),
                is_coming: !waits,
            })
        });
        let service = self.0.clone();
        Box::pin(async move { service.call(request).await })
    }
}

/// The content of a request, whose rest is read when it is dropped.
struct Content {
    body: Option<Incoming>,
    /// Whether the client sends it.
    is_coming: bool,
}

impl Body for Content {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_coming = true;
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        let is_coming = self.is_coming;
        let rest = self.body.take();
        let rest = rest.filter(|body| is_coming && !body.is_end_stream());
        if let (Some(mut rest), Ok(runtime)) = (rest, tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(PATIENCE, async move {
                while let Some(Ok(_)) = rest.frame().await {}
            }));
        }
    }
}
