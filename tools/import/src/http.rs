//! One way of asking over HTTP, for storage and for records: what may pass is tried again.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context as _;
use backon::{ExponentialBuilder, Retryable as _};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};

const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
const SLOWEST_BYTES_A_SECOND: u64 = 16 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often an address is tried again at which nobody answers.
const MOST_SILENCES: usize = 3;

/// A client of one server that follows no redirect: a token, and a signature, are for one address.
///
/// # Errors
/// When the system's certificates cannot be read and `origin` needs them.
pub fn client(origin: &Url) -> anyhow::Result<Client> {
    // Another provider that is set is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .redirect(Policy::none())
        .user_agent(concat!("image-proxy-import/", env!("CARGO_PKG_VERSION")));
    // What stays on this machine is no proxy's business, whatever the environment says of proxies.
    let builder = if is_this_machine(origin) {
        builder.no_proxy()
    } else {
        builder
    };
    // A system without certificates must not fail where none are needed.
    let builder = if origin.scheme() == "http" {
        builder.tls_certs_only([])
    } else {
        builder
    };
    builder.build().context("cannot prepare HTTP requests")
}

/// The origin that an option names, perhaps with a path.
///
/// # Errors
/// What about it cannot be used.
pub fn origin(argument: &str) -> Result<Url, String> {
    let url: Url = argument
        .parse()
        .map_err(|error| format!("is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "is a {} address, and must be one of http or https",
            url.scheme()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user's name or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end before any '?' or '#'".to_owned());
    }
    Ok(url)
}

/// Whether what is sent there leaves this machine by no network: loopback, by address or by name
/// (RFC 6761 section 6.3).
fn is_this_machine(origin: &Url) -> bool {
    let host = origin.host_str().unwrap_or_default();
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// Whether everybody on the way can read what is sent there.
pub fn is_open_to_the_network(origin: &Url) -> bool {
    origin.scheme() == "http" && !is_this_machine(origin)
}

/// What an answer begins with, so many bytes and little more: nothing keeps a server from sending one
/// without an end.
///
/// # Errors
/// When it breaks off before that; without the address.
pub async fn beginning(answer: &mut Response, most_bytes: usize) -> reqwest::Result<String> {
    let mut beginning = Vec::new();
    while beginning.len() < most_bytes
        && let Some(piece) = answer.chunk().await.map_err(reqwest::Error::without_url)?
    {
        beginning.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&beginning).into_owned())
}

/// Sends what `request` makes until there is an answer that stays, for at most so long. An answer
/// that is not a success counts, too.
///
/// # Errors
/// When there was none; without the address, which may hold a signature.
pub async fn send(
    request: impl Fn() -> RequestBuilder,
    patience: Duration,
) -> anyhow::Result<Response> {
    let attempt = async || {
        let answer = request().send().await?;
        if is_transient(answer.status()) {
            return Err(Failure::Passing(answer));
        }
        Ok(answer)
    };
    persist(attempt, patience).await
}

/// Makes attempts until one succeeds, or fails in a way that does not pass, for at most so long. The
/// last answer that might have passed is the result, then.
///
/// # Errors
/// When there was no answer; without the address.
pub async fn persist<T>(
    attempt: impl AsyncFn() -> Result<T, Failure<T>>,
    patience: Duration,
) -> anyhow::Result<T> {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_jitter()
        .without_max_times()
        .with_total_delay(Some(patience));
    let mut silences = 0;
    let outcome = (|| attempt())
        .retry(pauses)
        .sleep(tokio::time::sleep)
        .when(move |failure| match failure {
            Failure::Passing(_) => true,
            // What cannot even be sent will not be sent later.
            Failure::Silence(error) if error.is_builder() => false,
            Failure::Silence(_) => {
                silences += 1;
                silences <= MOST_SILENCES
            }
        })
        .await;
    match outcome {
        Ok(answer) | Err(Failure::Passing(answer)) => Ok(answer),
        Err(Failure::Silence(error)) => Err(error.into()),
    }
}

/// Why an attempt is made again.
pub enum Failure<T> {
    /// An answer that may be another one next time.
    Passing(T),
    /// No answer.
    Silence(reqwest::Error),
}

impl<T> From<reqwest::Error> for Failure<T> {
    fn from(error: reqwest::Error) -> Self {
        Self::Silence(error.without_url())
    }
}

/// How long a request with so many bytes may take, over a slow line that others use too.
pub fn time_for(bytes: u64) -> Duration {
    REQUEST_TIMEOUT + Duration::from_secs(bytes / SLOWEST_BYTES_A_SECOND)
}

/// Whether an answer of this status may be another one next time.
pub fn is_transient(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        408 | 425 | 429 | 500 | 502 | 503 | 504 | 509 | 520 | 522 | 524
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_or_https_in_any_case_and_holds_no_password() {
        for (argument, expected) in [
            ("http://127.0.0.1:3000", Ok("http://127.0.0.1:3000/")),
            ("HTTPS://Images.Example", Ok("https://images.example/")),
            ("https://a.example/images/", Ok("https://a.example/images/")),
            ("redis://127.0.0.1", Err("redis")),
            ("postgres://user:pass@db", Err("postgres")),
            ("file:///tmp/x", Err("file")),
            ("https://user:secret@a.example", Err("password")),
            ("https://a.example?x", Err("'?'")),
            ("127.0.0.1:3000", Err("not a URL")),
            ("images.db", Err("not a URL")),
            ("", Err("not a URL")),
        ] {
            match (origin(argument), expected) {
                (Ok(url), Ok(expected)) => assert_eq!(url.as_str(), expected),
                (Err(said), Err(expected)) => {
                    assert!(said.contains(expected), "{argument}: {said}");
                    assert!(
                        !said.contains("secret") && !said.contains("pass@"),
                        "{said}"
                    );
                }
                (outcome, _) => panic!("{argument}: {outcome:?}"),
            }
        }
    }

    #[test]
    fn what_is_sent_is_open_to_the_network_unless_it_is_encrypted_or_stays_here() {
        for (origin, is_open) in [
            ("http://images.example", true),
            ("http://192.0.2.1:3000", true),
            ("http://0.0.0.0:3000", true),
            ("http://[2001:db8::1]", true),
            ("http://localhost.example", true),
            ("http://notlocalhost", true),
            ("https://images.example", false),
            ("http://127.0.0.1:3000", false),
            ("http://127.8.9.10", false),
            ("http://[::1]:3000", false),
            ("http://localhost:3000", false),
            ("http://LOCALHOST", false),
            ("http://images.localhost", false),
        ] {
            let origin = origin.parse().unwrap();
            assert_eq!(is_open_to_the_network(&origin), is_open, "{origin}");
        }
    }
}
