//! `wasi:http/outgoing-handler`: a component calls the hosts that the manifest allows.

mod connector;
mod timed_body;

use std::{collections::BTreeMap, error::Error as StdError, sync::Arc, time::Duration};

use http::{
    Request, Response, Uri,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body as _, Incoming};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::{
    allowed_hosts::{self, AllowedHosts},
    client_tls::ClientTls,
    diagnostics::report,
    manifest::Component,
};
use connector::{ConnectFailure, Connecting, Connector};
use timed_body::TimedBody;

/// Every limit that a component does not set itself, as in Spin.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(10);

/// Most bytes of an answer that are read at once. Several such pieces of each answer are under way
/// to the client, so that this decides how much memory many large downloads take, and in which steps a
/// client that reads slowly makes room.
const MAX_READ: usize = 128 << 10;

/// Most header fields of an answer. hyper reads 100 unless told, and Spin does not tell it; S3 has been
/// seen to send more, for an object with many of its own.
const MAX_HEADERS: usize = 256;

/// What components have for the network.
pub struct OutboundHttp {
    tls: ClientTls,
}

impl OutboundHttp {
    /// Requests over TLS trust whom `tls` says.
    pub fn new(tls: ClientTls) -> Self {
        Self { tls }
    }

    /// A pool of connections to the hosts that a component with this id may call.
    ///
    /// # Errors
    /// When an entry of `allowed_outbound_hosts` is invalid.
    pub fn grant(
        &self,
        id: &str,
        component: &Component,
        variables: &BTreeMap<String, String>,
    ) -> Result<Instance, allowed_hosts::Error> {
        let client = legacy::Client::builder(TokioExecutor::new())
            .http1_max_buf_size(MAX_READ)
            .http1_max_headers(MAX_HEADERS)
            .pool_timer(TokioTimer::new())
            .build(Connector::new(id, &self.tls));
        Ok(Instance {
            client,
            allowed_hosts: Arc::new(AllowedHosts::parse(
                &component.allowed_outbound_hosts,
                variables,
            )?),
            component: id.into(),
        })
    }
}

type Client = legacy::Client<Connector, WasiBody>;

/// One component's access to the network.
#[derive(Clone)]
pub struct Instance {
    client: Client,
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
        let options = options.unwrap_or_default();
        let connect_limit = options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let (instance, uri) = (self.clone(), request.uri().clone());
        Box::new(async move {
            let sent = send(&instance.client, request, connect_limit);
            let response = timeout(options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT), sent)
                .await
                .map_err(|_| Error::ConnectionReadTimeout)?
                .map_err(|error| instance.failure(&uri, &error))?;
            let limit = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
            let mut response = response.map(|body| TimedBody::new(body, limit).boxed_unsync());
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

    /// What a failed request is to the component, in Spin's terms; the cause goes to the log.
    fn failure(&self, uri: &Uri, error: &legacy::Error) -> Error {
        report(format_args!(
            "Component `{}`: no answer from {}: {}",
            self.component,
            uri.authority().map_or("", |authority| authority.as_str()),
            causes(error)
        ));
        let connect_failure = error.source().and_then(|cause| cause.downcast_ref());
        match connect_failure {
            Some(ConnectFailure::Timeout) => Error::ConnectionTimeout,
            Some(ConnectFailure::Dns(_)) => Error::DnsError {
                rcode: Some("address not available".to_owned()),
                info_code: Some(0),
            },
            Some(ConnectFailure::Tcp(_)) => Error::ConnectionRefused,
            Some(ConnectFailure::Tls(_)) => Error::TlsProtocolError,
            None => Error::HttpProtocolError,
        }
    }
}

/// Sends a request, and sends it again where the connection was one of the pool that had died since:
/// that says nothing of the server, and an idempotent request may be repeated (RFC 9112 section 9.3.1).
async fn send(
    client: &Client,
    request: Request<WasiBody>,
    connect_limit: Duration,
) -> Result<Response<Incoming>, legacy::Error> {
    let (head, body) = request.into_parts();
    if !head.method.is_idempotent() || !body.is_end_stream() {
        let sent = client.request(Request::from_parts(head, body));
        return Connecting::scope(connect_limit, sent).await.0;
    }
    loop {
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let sent = client.request(Request::from_parts(head.clone(), body));
        match Connecting::scope(connect_limit, sent).await {
            (Err(error), false) if error.connect_info().is_some() => {}
            (outcome, _) => return outcome,
        }
    }
}

/// An error and what is behind it, in one line.
fn causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        text = format!("{text}: {current}");
        cause = current.source();
    }
    text
}
