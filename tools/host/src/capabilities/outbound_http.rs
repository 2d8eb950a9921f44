//! `wasi:http/outgoing-handler`: a component calls the hosts that the manifest allows.

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{
    Request, Response, Uri,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::{Sleep, sleep, timeout};
use tower_service::Service;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::{
    allowed_hosts::{self, AllowedHosts},
    diagnostics::report,
    manifest::Component,
};

/// Every limit that a component does not set itself, as in Spin.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(10);

/// Most bytes of an answer that are read at once. Several such pieces of each answer are under way
/// to the client, so that this decides how much memory many large downloads take.
const MAX_READ: usize = 192 << 10;

/// One pool of connections for the whole application.
pub struct OutboundHttp {
    client: Client<HttpsConnector<TimedConnector>, WasiBody>,
}

impl OutboundHttp {
    /// An empty pool. TLS trusts Mozilla's roots.
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(TimedConnector(connector));
        let client = Client::builder(TokioExecutor::new())
            .http1_max_buf_size(MAX_READ)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { client }
    }

    /// The hosts that a component with this id may call.
    ///
    /// # Errors
    /// When an entry of `allowed_outbound_hosts` is invalid.
    pub fn grant(
        &self,
        id: &str,
        component: &Component,
        variables: &BTreeMap<String, String>,
    ) -> Result<Instance, allowed_hosts::Error> {
        Ok(Instance {
            client: self.client.clone(),
            allowed_hosts: Arc::new(AllowedHosts::parse(
                &component.allowed_outbound_hosts,
                variables,
            )?),
            component: id.into(),
        })
    }
}

/// One component's access to the network.
#[derive(Clone)]
pub struct Instance {
    client: Client<HttpsConnector<TimedConnector>, WasiBody>,
    allowed_hosts: Arc<AllowedHosts>,
    component: Arc<str>,
}

type Sent = Result<
    (
        Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl WasiHttpHooks for Instance {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_consumed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        if !self.allowed_hosts.allow(request.uri()) {
            self.report_denied(request.uri());
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let client = self.client.clone();
        let options = options.unwrap_or_default();
        Box::new(async move {
            let sent = CONNECT_TIMEOUT.scope(
                options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT),
                client.request(request),
            );
            let response = timeout(options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT), sent)
                .await
                .map_err(|_| Error::ConnectionReadTimeout)?
                .map_err(|error| failure(&error))?;
            let limit = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
            let timed = |body| TimedBody {
                body,
                limit,
                deadline: None,
            };
            let mut response = response.map(|body| timed(body).boxed_unsync());
            // It overrides Content-Length (RFC 9112 section 6.3), and components do not get to see it.
            if response.headers().contains_key(TRANSFER_ENCODING) {
                response.headers_mut().remove(CONTENT_LENGTH);
            }
            // The pool drives the connection; its errors come out of the body.
            let driven: Box<dyn Future<Output = _> + Send> = Box::new(async { Ok(()) });
            Ok((response, driven))
        })
    }
}

impl Instance {
    fn report_denied(&self, uri: &Uri) {
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        report(format_args!(
            "Component `{component}` may not call {scheme}://{authority}: to allow it, add \"{scheme}://{authority}\" \
             to `allowed_outbound_hosts` of [component.{component}] in the manifest",
            component = self.component
        ));
    }
}

/// What a failed request is to a component: the first cause that says more than "it failed".
fn failure(error: &hyper_util::client::legacy::Error) -> Error {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(failure) = current.downcast_ref::<ConnectFailure>() {
            return match failure {
                ConnectFailure::Timeout => Error::ConnectionTimeout,
                ConnectFailure::Dns => Error::DnsError {
                    rcode: Some("address not available".to_owned()),
                    info_code: Some(0),
                },
                ConnectFailure::Refused => Error::ConnectionRefused,
            };
        }
        cause = current.source();
    }
    if error.is_connect() {
        Error::TlsProtocolError
    } else {
        Error::HttpProtocolError
    }
}

tokio::task_local! {
    /// How long the request of this task may take to connect. The pool hands its connector
    /// nothing but the URI, and calls it within the task that asks.
    static CONNECT_TIMEOUT: Duration;
}

/// A connector that keeps the time limit of the request it connects for.
#[derive(Clone)]
struct TimedConnector(HttpConnector);

/// Why no TCP connection came about.
#[derive(Debug, thiserror::Error)]
enum ConnectFailure {
    #[error("no connection within the time limit")]
    Timeout,
    #[error("the host's name has no address")]
    Dns,
    #[error("the host does not accept the connection")]
    Refused,
}

impl Service<Uri> for TimedConnector {
    type Response = <HttpConnector as Service<Uri>>::Response;
    type Error = ConnectFailure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectFailure>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectFailure>> {
        self.0.poll_ready(cx).map_err(|_| ConnectFailure::Refused)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = CONNECT_TIMEOUT.try_get().unwrap_or(DEFAULT_TIMEOUT);
        let connected = self.0.call(uri);
        Box::pin(async move {
            timeout(limit, connected)
                .await
                .map_err(|_| ConnectFailure::Timeout)?
                .map_err(|error| {
                    match error
                        .source()
                        .and_then(|source| source.downcast_ref::<io::Error>())
                    {
                        // Only a refusal has the number of a system call's error; a failed look-up does not.
                        Some(source) if source.raw_os_error().is_none() => ConnectFailure::Dns,
                        _ => ConnectFailure::Refused,
                    }
                })
        })
    }
}

/// A response body that fails when the next bytes take longer than a limit.
///
/// The time that the component lets pass without asking for bytes does not count.
struct TimedBody {
    body: Incoming,
    limit: Duration,
    /// Of the bytes that are being waited for.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.deadline = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        let limit = self.limit;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
