//! The gallery's web server: a page of `examples/gallery`, on an origin of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What it serves of `examples/gallery`, besides `/`, which is `index.html`.
const PAGE: [(&str, &str); 4] = [
    ("/index.html", "text/html; charset=utf-8"),
    ("/gallery.css", "text/css; charset=utf-8"),
    ("/gallery.js", "text/javascript; charset=utf-8"),
    ("/icon.svg", "image/svg+xml"),
];
const JSON: &str = "application/json";

/// An address that listens: browsers wait until [`serve`](Self::serve) answers them.
pub struct Gallery {
    listener: TcpListener,
    origin: String,
}

impl Gallery {
    /// Listens; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn listen(address: SocketAddr) -> anyhow::Result<Self> {
        let cannot_listen = || format!("cannot listen on {address}");
        let listener = TcpListener::bind(address)
            .await
            .with_context(cannot_listen)?;
        let address = listener.local_addr().with_context(cannot_listen)?;
        Ok(Self {
            listener,
            origin: format!("http://{address}"),
        })
    }

    /// The page's origin, as browsers name it to the API.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Answers until it is dropped, and reads each file when it is asked for: an edit shows at reload.
    pub async fn serve(&self, site: Site) {
        let site = Arc::new(site);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _peer)) => {
                        connections.spawn(serve_connection(stream, Arc::clone(&site)));
                    }
                    // Out of file handles, most likely: wait for one instead of spinning.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
                Some(_ended) = connections.join_next() => {}
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, site: Arc<Site>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let site = Arc::clone(&site);
        async move {
            let answer = site.answer(request.method(), request.uri().path());
            Ok::<_, Infallible>(answer)
        }
    });
    // A connection that breaks is the browser's to notice.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// What the gallery is made of.
pub struct Site {
    /// The folder of the page.
    pub page: PathBuf,
    /// The list of pictures that an import writes.
    pub pictures: PathBuf,
    /// The origin of the API that the pictures come from.
    pub api: String,
}

impl Site {
    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let mut response = if matches!(*method, Method::GET | Method::HEAD) {
            self.content(path).map_or_else(
                || plain(StatusCode::NOT_FOUND, "not found"),
                |(content_type, bytes)| of_type(content_type, bytes),
            )
        } else {
            let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
            refusal
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            refusal
        };
        for (name, value) in [
            ("cache-control", "no-cache"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", &self.policy()),
        ] {
            // The one value that is not fixed holds an origin, which is ASCII.
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    // The page runs and styles itself, and loads nothing from anywhere but itself and the API.
    fn policy(&self) -> String {
        let api = &self.api;
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {api}; \
             connect-src 'self' {api}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    }

    fn content(&self, path: &str) -> Option<(&'static str, Vec<u8>)> {
        let path = if path == "/" { "/index.html" } else { path };
        match path {
            "/config.json" => {
                let config = serde_json::json!({ "api": self.api });
                Some((JSON, config.to_string().into_bytes()))
            }
            "/gallery.json" => Some((JSON, read(&self.pictures)?)),
            _ => {
                let (name, content_type) = PAGE.into_iter().find(|(name, _)| *name == path)?;
                let file = self.page.join(name.trim_start_matches('/'));
                Some((content_type, read(&file)?))
            }
        }
    }
}

fn read(file: &Path) -> Option<Vec<u8>> {
    std::fs::read(file)
        .inspect_err(|error| eprintln!("gallery: cannot read {}: {error}", file.display()))
        .ok()
}

fn of_type(content_type: &'static str, bytes: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(bytes));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = of_type("text/plain; charset=utf-8", text.into());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::project;

    fn site() -> Site {
        Site {
            page: project::gallery(),
            pictures: "/nowhere/gallery.json".into(),
            api: "http://127.0.0.1:3000".into(),
        }
    }

    #[test]
    fn only_the_files_of_the_page_are_served_each_with_its_type() {
        for (path, expected) in [
            ("/", Some("text/html; charset=utf-8")),
            ("/index.html", Some("text/html; charset=utf-8")),
            ("/gallery.css", Some("text/css; charset=utf-8")),
            ("/gallery.js", Some("text/javascript; charset=utf-8")),
            ("/icon.svg", Some("image/svg+xml")),
            ("/config.json", Some("application/json")),
            ("/gallery.json", None),
            ("/../../Cargo.toml", None),
            ("/Cargo.toml", None),
            ("//etc/passwd", None),
            ("", None),
        ] {
            let response = site().answer(&Method::GET, path);

            let content_type = (response.status() == 200)
                .then(|| response.headers()["content-type"].to_str().unwrap());
            assert_eq!(content_type, expected, "{path}");
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
            assert_eq!(response.headers()["cache-control"], "no-cache");
        }
    }

    #[test]
    fn the_page_may_load_from_itself_and_the_api_alone() {
        let response = site().answer(&Method::GET, "/");

        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        let directives: Vec<_> = policy.split("; ").collect();
        for expected in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' http://127.0.0.1:3000",
            "connect-src 'self' http://127.0.0.1:3000",
        ] {
            assert!(directives.contains(&expected), "{policy}");
        }
    }

    #[test]
    fn it_is_only_read_from() {
        for (method, status) in [
            (Method::GET, 200),
            (Method::HEAD, 200),
            (Method::POST, 405),
            (Method::PUT, 405),
            (Method::OPTIONS, 405),
        ] {
            let response = site().answer(&method, "/");

            assert_eq!(response.status(), status, "{method}");
            assert_eq!(
                response.headers().contains_key(ALLOW),
                status == 405,
                "{method}"
            );
        }
    }

    #[tokio::test]
    async fn the_page_is_told_where_the_api_is() {
        let response = site().answer(&Method::GET, "/config.json");

        let body = response.into_body().collect().await.unwrap().to_bytes();

        assert_eq!(&body[..], br#"{"api":"http://127.0.0.1:3000"}"#);
    }
}
