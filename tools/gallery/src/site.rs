//! What a browser is served: the page, the list of pictures, and where they come from.

use std::path::{Path, PathBuf};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Json, Response};
use axum::{Router, routing};
use tower_http::services::{ServeDir, ServeFile};

use crate::api;

/// The files of `page`, `gallery.json` from the file `pictures`, and `config.json`, which tells the
/// page of the API that `running` names.
pub fn router(page: &Path, pictures: &Path, running: PathBuf) -> Router {
    Router::new()
        .route("/config.json", routing::get(config))
        .route_service("/gallery.json", ServeFile::new(pictures))
        .fallback_service(ServeDir::new(page))
        .layer(middleware::from_fn_with_state(running.clone(), with_policy))
        .with_state(running)
}

async fn config(State(running): State<PathBuf>, headers: HeaderMap) -> Response {
    match api::origin(&running, host(&headers)) {
        Ok(api) => Json(serde_json::json!({ "api": api })).into_response(),
        Err(error) => {
            eprintln!("gallery: {error:#}");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

async fn with_policy(State(running): State<PathBuf>, request: Request, next: Next) -> Response {
    // Without an API there are no pictures, and the page says so.
    let api = api::origin(&running, host(request.headers())).unwrap_or_default();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy(&api)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

// The page runs and styles itself, and loads nothing but from itself and the API; placeholders come
// within the list of pictures.
fn policy(api: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: {api}; \
         connect-src 'self' {api}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use axum::body::{Body, to_bytes};
    use tempfile::TempDir;
    use tower::ServiceExt as _;

    use super::*;

    /// What a gallery answers beside an application at port 3000.
    async fn answer(method: &str, path: &str) -> Response {
        let folder = TempDir::new().unwrap();
        let running = folder.path().join("up.json");
        std::fs::write(&running, r#"{"api":"http://127.0.0.1:3000"}"#).unwrap();
        answer_with(&running, method, path).await
    }

    async fn answer_with(running: &Path, method: &str, path: &str) -> Response {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/gallery");
        let router = router(
            &page,
            Path::new("/nowhere/gallery.json"),
            running.to_owned(),
        );
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1:4200")
            .body(Body::empty());
        router.oneshot(request.unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn only_the_files_of_the_page_are_served_each_with_its_type() {
        for (path, expected) in [
            ("/", Some("text/html")),
            ("/index.html", Some("text/html")),
            ("/gallery.css", Some("text/css")),
            ("/gallery.js", Some("text/javascript")),
            ("/lightbox.js", Some("text/javascript")),
            ("/icon.svg", Some("image/svg+xml")),
            ("/config.json", Some("application/json")),
            ("/gallery.json", None),
            ("/../../Cargo.toml", None),
            ("/%2e%2e/%2e%2e/Cargo.toml", None),
            ("/Cargo.toml", None),
            ("//etc/passwd", None),
        ] {
            let response = answer("GET", path).await;

            let content_type = (response.status() == 200)
                .then(|| response.headers()["content-type"].to_str().unwrap());
            assert_eq!(content_type, expected, "{path}");
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
            assert_eq!(response.headers()["cache-control"], "no-cache");
        }
    }

    #[tokio::test]
    async fn the_page_may_load_from_itself_and_the_api_alone() {
        let response = answer("GET", "/").await;

        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        let directives: Vec<_> = policy.split("; ").collect();
        for expected in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: http://127.0.0.1:3000",
            "connect-src 'self' http://127.0.0.1:3000",
        ] {
            assert!(directives.contains(&expected), "{policy}");
        }
    }

    #[tokio::test]
    async fn it_is_only_read_from() {
        for path in ["/", "/config.json"] {
            for (method, status) in [
                ("GET", 200),
                ("HEAD", 200),
                ("POST", 405),
                ("PUT", 405),
                ("OPTIONS", 405),
            ] {
                let response = answer(method, path).await;

                assert_eq!(response.status(), status, "{method} {path}");
                let allow = response.headers().contains_key("allow");
                assert_eq!(allow, status == 405, "{method} {path}");
            }
        }
    }

    #[tokio::test]
    async fn the_page_is_told_where_the_api_is() {
        let response = answer("GET", "/config.json").await;

        let body = to_bytes(response.into_body(), 1000).await.unwrap();

        assert_eq!(&body[..], br#"{"api":"http://127.0.0.1:3000"}"#);
    }

    #[tokio::test]
    async fn until_there_is_an_application_the_page_comes_without_pictures() {
        let nothing = Path::new("/nowhere/up.json");

        let page = answer_with(nothing, "GET", "/").await;
        let config = answer_with(nothing, "GET", "/config.json").await;

        assert_eq!(page.status(), 200);
        assert_eq!(config.status(), 503);
    }
}
