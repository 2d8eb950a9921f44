//! What no answer may show, whatever a test is about.

use super::response::{Body, Response};

/// Words of this app's own that stay behind it.
#[derive(Default)]
pub struct Secrets(Vec<String>);

/// Words of storage, databases, files and panics that no app shows.
const NEVER: [&str; 16] = [
    "AWS4-HMAC",
    "X-Amz",
    "<Error",
    "<Code>",
    "NoSuch",
    "AccessDenied",
    "Signature",
    "RequestId",
    "SELECT ",
    "sqlite",
    ".spin",
    "s3_",
    "panicked",
    "RUST_BACKTRACE",
    "private/",
    "wasm",
];

impl Secrets {
    /// These must stay secret too.
    pub fn add<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) {
        self.0.extend(words.into_iter().map(str::to_owned));
    }

    /// Searches the head, and the body unless it is an image's own bytes. The image's digest is left out:
    /// base64 of any bytes, and so of some images, spells one of the words.
    #[track_caller]
    pub fn assert_absent_from(&self, response: &Response) {
        let (Body::Whole(body) | Body::Broken(body)) = &response.body;
        let is_image = response.status.is_success();
        let body = if is_image { &[] } else { body.as_slice() };
        let mut headers = response.headers.clone();
        headers.remove("repr-digest");
        let text = format!("{headers:?}\n{}", String::from_utf8_lossy(body)).to_lowercase();
        let words = self.0.iter().map(String::as_str).chain(NEVER);
        for word in words.filter(|word| !word.is_empty()) {
            assert!(
                !text.contains(&word.to_lowercase()),
                "{word:?} shows in {text}"
            );
        }
    }
}

#[test]
fn an_answer_that_shows_what_must_stay_private_does_not_pass() {
    let leaking = |header: &'static str, body: &str| Response {
        status: http::StatusCode::NOT_FOUND,
        headers: [(http::header::SERVER, http::HeaderValue::from_static(header))]
            .into_iter()
            .collect(),
        body: Body::Whole(body.into()),
    };
    let mut secrets = Secrets::default();
    secrets.add(["127.0.0.1:9000", "my-bucket"]);

    secrets.assert_absent_from(&leaking("spin", "fine"));

    let mut digest = leaking("spin", "fine");
    let spells_a_word = http::HeaderValue::from_static("sha-256=:aWasm/==:");
    digest.headers.insert("repr-digest", spells_a_word);
    secrets.assert_absent_from(&digest);

    for (header, body) in [
        ("spin", "at 127.0.0.1:9000"),
        ("my-bucket", ""),
        ("x", "<error><code>"),
    ] {
        let response = leaking(header, body);
        let found = std::panic::catch_unwind(|| secrets.assert_absent_from(&response));
        assert!(found.is_err(), "{header} {body}");
    }
}
