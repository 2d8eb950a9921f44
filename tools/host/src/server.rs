//! The listener: connections in, each request to the host itself or to a component.

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderName, Request, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue},
    uri::Authority,
};
use hyper::body::Incoming;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::{net::TcpListener, time::sleep};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};
use wasmtime_wasi_http::WasiBody;

use crate::{
    answer::{Refusal, plain, refuse},
    connection,
    diagnostics::report,
    engine::Compiled,
    guest::Workplace,
    handler,
    interrupts::Interrupts,
    log_line::RequestLog,
    routes::{Routes, WELL_KNOWN_PREFIX},
};

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

/// Answers requests until interrupted, then lets those in flight end, for as long as `grace` or until
/// interrupted again.
pub async fn serve(
    listener: TcpListener,
    application: Application,
    mut interrupts: Interrupts,
    grace: Duration,
) {
    let application = Arc::new(application);
    let connections = GracefulShutdown::new();
    let in_flight = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = interrupts.next() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => {
                connection::accept(&application, &connections, stream, client, &in_flight);
            }
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
        () = sleep(grace) => report(format_args!("Some requests took longer than {} s and were cut off", grace.as_secs())),
        () = interrupts.next() => {}
    }
}

impl Application {
    /// The answer to a request of this client, whose component works at `workplace`.
    pub async fn answer(
        &self,
        mut request: Request<Incoming>,
        client: SocketAddr,
        in_flight: TaskTrackerToken,
        workplace: Workplace,
    ) -> Response<WasiBody> {
        let uri = request.uri().clone();
        if let Some(name) = uri.path().strip_prefix(WELL_KNOWN_PREFIX) {
            return self.answer_well_known(name);
        }
        let Some(found) = self.routes.find(uri.path()) else {
            return plain(StatusCode::NOT_FOUND, "");
        };
        let Some(component) = self.components.get(&found.route.component) else {
            return plain(StatusCode::NOT_FOUND, "");
        };
        let log = RequestLog::of(&request, component.output().clone());
        if !has_valid_host(&request) {
            let cause = "the request does not name exactly one valid Host";
            return refuse(&log, &Refusal::Invalid(cause));
        }
        // Components are told an authority; a request of HTTP/1.0 need not name one.
        let headers = request.headers_mut();
        headers
            .entry(HOST)
            .or_insert(HeaderValue::from_static("localhost"));
        if let Some(name) = without_text(request.headers()) {
            let cause = format!("the request's header field `{name}` is not UTF-8");
            return refuse(&log, &Refusal::Failed(&cause));
        }
        // It is about this connection, not about what the component forwards.
        request.headers_mut().remove(CONNECTION);
        found.tell(request.headers_mut(), &uri, client);
        handler::handle(component, request, in_flight, workplace, log).await
    }

    /// Where it is told of a request that cannot be read, and so has no component: among the output of
    /// the first.
    pub fn log_of_broken_head(&self) -> Option<RequestLog> {
        let component = self.components.values().next()?;
        Some(RequestLog::of_broken_head(component.output().clone()))
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
