//! New connections for the pool: name, TCP and, where the URI says so, TLS, as in Spin.

use std::{
    cell::Cell,
    collections::BTreeMap,
    error::Error as StdError,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;

use super::DEFAULT_TIMEOUT;
use crate::{client_tls::ClientTls, tcp};

tokio::task_local! {
    /// The request that this task makes. The pool hands its connector nothing but the URI, and calls
    /// it within the task that asks.
    static CONNECTING: Connecting;
}

/// What a request says of its connection, and learns of it.
pub struct Connecting {
    limit: Duration,
    has_begun: Cell<bool>,
}

impl Connecting {
    /// Runs a request that waits for a new connection for `limit`. Tells with its outcome whether it
    /// has asked for one at all, and not only used one of the pool.
    pub async fn scope<T>(limit: Duration, request: impl Future<Output = T>) -> (T, bool) {
        let connecting = Self {
            limit,
            has_begun: Cell::new(false),
        };
        let request = async {
            let outcome = request.await;
            (outcome, CONNECTING.with(|this| this.has_begun.get()))
        };
        CONNECTING.scope(connecting, request).await
    }

    /// The limit of this task's request.
    fn begin() -> Duration {
        let begin = |this: &Self| {
            this.has_begun.set(true);
            this.limit
        };
        CONNECTING.try_with(begin).unwrap_or(DEFAULT_TIMEOUT)
    }
}

/// Why no connection came about, as far as a component learns of it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectFailure {
    /// The host's name has no address.
    #[error("the host's name has no address: {0}")]
    Dns(io::Error),
    /// No connection stood in time, handshake included.
    #[error("no connection within the time limit")]
    Timeout,
    /// TCP failed.
    #[error("{0}")]
    Tcp(io::Error),
    /// TLS failed.
    #[error("no TLS: {0}")]
    Tls(Box<dyn StdError + Send + Sync>),
}

/// Connects over TCP, and over TLS by the configuration of each host.
#[derive(Clone)]
pub struct Connector {
    default: HttpsConnector<TcpConnector>,
    of_host: Arc<BTreeMap<String, HttpsConnector<TcpConnector>>>,
}

impl Connector {
    /// A connector for the component with this id.
    pub fn new(component: &str, tls: &ClientTls) -> Self {
        let of_host = tls.hosts(component);
        let of_host = of_host.map(|(host, config)| (host.to_owned(), https(config)));
        Self {
            default: https(tls.default()),
            of_host: Arc::new(of_host.collect()),
        }
    }
}

fn https(tls: &ClientConfig) -> HttpsConnector<TcpConnector> {
    HttpsConnectorBuilder::new()
        .with_tls_config(tls.clone())
        .https_or_http()
        .enable_http1()
        .wrap_connector(TcpConnector)
}

type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = ConnectFailure;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, ConnectFailure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = Connecting::begin();
        let host = uri.host().unwrap_or_default();
        let mut https = self.of_host.get(host).unwrap_or(&self.default).clone();
        Box::pin(async move {
            let connected = timeout(limit, https.call(uri)).await;
            connected
                .map_err(|_| ConnectFailure::Timeout)?
                .map_err(|error| match error.downcast::<ConnectFailure>() {
                    Ok(failure) => *failure,
                    Err(error) => ConnectFailure::Tls(error),
                })
        })
    }
}

#[derive(Clone)]
struct TcpConnector;

impl Service<Uri> for TcpConnector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectFailure;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<TcpStream>, ConnectFailure>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(async move {
            let default_port = if uri.scheme_str() == Some("https") {
                443
            } else {
                80
            };
            let host = uri.host().unwrap_or_default();
            let host = host.trim_matches(['[', ']']);
            let addresses = (host, uri.port_u16().unwrap_or(default_port));
            let addresses = tokio::net::lookup_host(addresses)
                .await
                .map_err(ConnectFailure::Dns)?;
            let addresses: Vec<_> = addresses.collect();
            let stream =
                TcpStream::connect(&*addresses)
                    .await
                    .map_err(|error| match error.kind() {
                        io::ErrorKind::AddrNotAvailable => ConnectFailure::Dns(error),
                        _ => ConnectFailure::Tcp(error),
                    })?;
            tcp::prepare_outbound(&stream).map_err(ConnectFailure::Tcp)?;
            Ok(TokioIo::new(stream))
        })
    }
}
