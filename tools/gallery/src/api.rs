//! Where a page finds the API: at the host by which the browser reached the page.

use std::path::Path;

use anyhow::{Context as _, ensure};
use axum::http::Uri;
use axum::http::uri::Authority;
use serde::Deserialize;

/// What `cargo xtask up` leaves in its data folder, as far as a page needs it.
#[derive(Deserialize)]
struct Running {
    api: String,
}

/// The API's origin for a page that was asked for at `host`, a `Host` field's value.
///
/// An API on this machine alone is reached by the name that reached the page: `localhost`, or the
/// address by which another device knows this machine.
///
/// # Errors
/// When `running` cannot be read or names no origin; the text names the file.
pub fn origin(running: &Path, host: Option<&str>) -> anyhow::Result<String> {
    let cannot_use = || format!("cannot use {}", running.display());
    let text = std::fs::read(running).with_context(cannot_use)?;
    let Running { api } = serde_json::from_slice(&text).with_context(cannot_use)?;
    ensure!(
        is_origin(&api),
        "{}: {api} is not an origin",
        running.display()
    );
    Ok(seen_from(host, &api).unwrap_or(api))
}

fn seen_from(host: Option<&str>, api: &str) -> Option<String> {
    let api: Uri = api.parse().ok()?;
    let host: Authority = host?.parse().ok()?;
    let is_loopback = matches!(api.host()?, "127.0.0.1" | "[::1]" | "localhost");
    let port = api.port()?;
    is_loopback.then(|| format!("http://{}:{port}", host.host()))
}

/// Only what can stand in a Content-Security-Policy.
fn is_origin(api: &str) -> bool {
    api.parse::<Uri>().is_ok_and(|uri| {
        let is_bare = uri.path() == "/" && uri.query().is_none() && !api.ends_with('/');
        matches!(uri.scheme_str(), Some("http" | "https")) && is_bare
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;

    fn origin_of(api: &str, host: Option<&str>) -> anyhow::Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("up.json");
        std::fs::write(
            &file,
            serde_json::json!({ "api": api, "more": 1 }).to_string(),
        )
        .unwrap();
        origin(&file, host)
    }

    #[test]
    fn an_api_of_this_machine_is_reached_as_the_page_was() {
        let api = "http://127.0.0.1:3000";
        for (host, expected) in [
            (Some("127.0.0.1:4200"), "http://127.0.0.1:3000"),
            (Some("localhost:4200"), "http://localhost:3000"),
            (Some("192.0.2.7:4200"), "http://192.0.2.7:3000"),
            (Some("[2001:db8::7]:4200"), "http://[2001:db8::7]:3000"),
            (Some("pictures.example"), "http://pictures.example:3000"),
            (Some("no host; script-src *"), api),
            (Some(""), api),
            (None, api),
        ] {
            assert_eq!(origin_of(api, host).unwrap(), expected, "{host:?}");
        }
    }

    #[test]
    fn an_api_elsewhere_is_reached_there() {
        for api in ["http://192.0.2.9:3000", "https://images.example"] {
            assert_eq!(origin_of(api, Some("localhost:4200")).unwrap(), api);
        }
    }

    #[test]
    fn what_is_not_an_origin_is_refused() {
        for api in [
            "",
            "127.0.0.1:3000",
            "http://a/b",
            "http://a; script-src *",
            "ftp://a",
        ] {
            let error = origin_of(api, None).unwrap_err().to_string();

            assert!(error.contains("up.json"), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = origin("/nowhere/up.json".as_ref(), None).unwrap_err();

        assert!(error.to_string().contains("/nowhere/up.json"));
    }
}
