use http::header::HOST;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::service::Service;
use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

/// Reads every Host as a name of one bucket.
pub(crate) struct SingleBucketHost {
    bucket: String,
}

impl SingleBucketHost {
    pub(crate) fn new(bucket: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
        }
    }
}

impl S3Host for SingleBucketHost {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        Ok(VirtualHost::new(host).with_bucket(self.bucket.as_str()))
    }
}

/// Has [`SingleBucketHost`] asked for an IP address in Host too.
#[derive(Clone)]
pub(crate) struct SingleBucket<S> {
    service: S,
}

impl<S> SingleBucket<S> {
    pub(crate) fn new(service: S) -> Self {
        Self { service }
    }
}

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for SingleBucket<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if let Some(host) = request.headers().get(HOST).and_then(with_trailing_space) {
            request.headers_mut().insert(HOST, host);
        }
        self.service.call(request)
    }
}

// s3s takes a Host that parses as an address for path-style without asking its `S3Host`. A trailing
// space ends that, and changes no signature: SigV4 trims header values before it signs them.
fn with_trailing_space(host: &HeaderValue) -> Option<HeaderValue> {
    HeaderValue::from_bytes(&[host.as_bytes(), b" "].concat()).ok()
}
