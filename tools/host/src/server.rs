//! The listener: connections in, each request to the host itself or to a component.

use std::{
    collections::BTreeMap, convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, Request, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue},
    uri::Authority,
};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};
use wasmtime_wasi_http::WasiBody;

use crate::{
    diagnostics::report,
    engine::Compiled,
    handler,
    interrupts::Interrupts,
    routes::{Routes, WELL_KNOWN_PREFIX},
};

/// How long requests in flight may take to end once the host is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait after the system refused a connection: mostly it is out of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An application, ready to answer.
pub struct Application {
    /// Name in the manifest.
    pub name: String,
    /// Version in the manifest.
    pub version: Option<String>,
    /// What the manifest says of components, by their ids.
    pub descriptions: BTreeMap<String, String>,
    /// Which component answers what.
    pub routes: Routes,
    /// The components, by id.
    pub components: BTreeMap<String, Compiled>,
}

/// Answers requests until interrupted, then lets those in flight end, for a while or until
/// interrupted again.
pub async fn serve(listener: TcpListener, application: Application, mut interrupts: Interrupts) {
    let application = Arc::new(application);
    let connections = GracefulShutdown::new();
    let in_flight = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = interrupts.next() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => connect(&application, &connections, stream, client, &in_flight),
            Err(error) => {
                report(format_args!("No connection could be accepted: {error}"));
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    in_flight.close();
    let ended = async {
        connections.shutdown().await;
        // A component may work on after its response, to log it for example.
        in_flight.wait().await;
    };
    tokio::select! {
        () = ended => {}
        () = sleep(GRACE) => report(format_args!("Some requests took longer than {} s and were cut off", GRACE.as_secs())),
        () = interrupts.next() => {}
    }
}

fn connect(
    application: &Arc<Application>,
    connections: &GracefulShutdown,
    stream: TcpStream,
    client: SocketAddr,
    in_flight: &TaskTracker,
) {
    // Else the last packet of a small response waits for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let (application, in_flight) = (application.clone(), in_flight.clone());
    let service = service_fn(move |request| {
        let (application, in_flight) = (application.clone(), in_flight.token());
        async move { Ok::<_, Infallible>(application.answer(request, client, in_flight).await) }
    });
    let connection = http1::Builder::new()
        // For hyper's default of 30 s to send a request's head.
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        // A client that hangs up is not worth a line, and a response that broke off has been reported.
        let _ = connection.await;
    });
}

impl Application {
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        client: SocketAddr,
        in_flight: TaskTrackerToken,
    ) -> Response<WasiBody> {
        let uri = request.uri().clone();
        if let Some(name) = uri.path().strip_prefix(WELL_KNOWN_PREFIX) {
            return self.answer_well_known(name);
        }
        let Some(found) = self.routes.find(uri.path()) else {
            return plain(StatusCode::NOT_FOUND, "");
        };
        if !has_valid_host(&request) {
            return plain(StatusCode::BAD_REQUEST, "");
        }
        // Components are told an authority; a request of HTTP/1.0 need not name one.
        let headers = request.headers_mut();
        headers
            .entry(HOST)
            .or_insert(HeaderValue::from_static("localhost"));
        let Some(component) = self.components.get(&found.route.component) else {
            return plain(StatusCode::NOT_FOUND, "");
        };
        if let Some(name) = without_text(request.headers()) {
            let what = &found.route.component;
            report(format_args!(
                "Component `{what}`: not asked, since the request's header field `{name}` is not UTF-8"
            ));
            return plain(StatusCode::INTERNAL_SERVER_ERROR, "");
        }
        // It is about this connection, not about what the component forwards.
        request.headers_mut().remove(CONNECTION);
        found.tell(request.headers_mut(), &uri, client);
        handler::handle(component, &found.route.component, request, in_flight).await
    }

    fn answer_well_known(&self, name: &str) -> Response<WasiBody> {
        match name {
            "health" => plain(StatusCode::OK, "OK"),
            "info" => {
                let mut info = serde_json::json!({ "name": self.name });
                if let Some(version) = &self.version {
                    info["version"] = version.as_str().into();
                }
                let mut response = plain(StatusCode::OK, format!("{info:#}"));
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(CONTENT_TYPE, json);
                response
            }
            _ => plain(StatusCode::NOT_FOUND, ""),
        }
    }
}

/// One Host, and that an authority; HTTP/1.0 may do without (RFC 9112 section 3.2).
fn has_valid_host<B>(request: &Request<B>) -> bool {
    let mut lines = request.headers().get_all(HOST).iter();
    match (lines.next(), lines.next()) {
        (None, _) => request.version() < Version::HTTP_11 || request.uri().authority().is_some(),
        (Some(host), None) => Authority::try_from(host.as_bytes()).is_ok(),
        (Some(_), Some(_)) => false,
    }
}

/// The header field with a value that Spin shows to no component.
fn without_text(headers: &HeaderMap) -> Option<&HeaderName> {
    let is_not_utf_8 = |value: &HeaderValue| std::str::from_utf8(value.as_bytes()).is_err();
    let mut fields = headers.iter();
    fields.find_map(|(name, value)| is_not_utf_8(value).then_some(name))
}

fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<WasiBody> {
    let body = Full::new(body.into()).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response
}

/// Takes the port, before anything slow is done.
///
/// # Errors
/// When it cannot be taken; the text says what to do.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "{address} is already in use: stop what listens there, or give another address with `--listen`"
        ),
        _ => anyhow::anyhow!("cannot listen on {address}: {error}; give another address with `--listen`"),
    })
}
