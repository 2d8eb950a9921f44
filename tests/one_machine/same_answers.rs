//! Whatever a client asks, it is told the same with a proxy before the app as without.

use crate::harness::app::{BEARER, Launch, TOKEN};
use crate::harness::front::Front;
use crate::harness::response::{Body, Response};
use crate::harness::{App, Storage, TestImage};

const PAGE: &str = "https://app.example";

/// A request that clients make.
struct Asked<'a> {
    method: &'a str,
    path: String,
    fields: Vec<(&'a str, String)>,
    content: Vec<u8>,
    /// What it leads to, lest all agree on something else.
    status: u16,
}

impl<'a> Asked<'a> {
    fn new(method: &'a str, path: impl Into<String>, status: u16) -> Self {
        Self {
            method,
            path: path.into(),
            fields: Vec::new(),
            content: Vec::new(),
            status,
        }
    }

    fn with(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    fn sending(mut self, content: Vec<u8>) -> Self {
        self.content = content;
        self
    }

    fn fields(&self) -> Vec<(&str, &str)> {
        let fields = self.fields.iter();
        fields
            .map(|(name, value)| (*name, value.as_str()))
            .collect()
    }

    fn of(&self, app: &App) -> Response {
        app.send(self.method, &self.path, &self.fields(), &self.content)
    }

    fn through(&self, front: &Front) -> Response {
        front.send(self.method, &self.path, &self.fields(), &self.content)
    }
}

/// What nginx says of the image with a 304 out of what it keeps, and the app does not.
const REPEATED: [&str; 4] = [
    "content-disposition",
    "content-security-policy",
    "repr-digest",
    "x-content-type-options",
];

/// What a client is told: all but the proxy's own name, and the number that each request has.
fn told(response: &Response) -> (u16, Vec<(String, String)>, &Body) {
    let is_repeated = |name| response.status == 304 && REPEATED.contains(&name);
    let fields = response.fields().into_iter();
    let fields = fields
        .filter(|(name, _)| !matches!(*name, "server" | "alt-svc") && !is_repeated(name))
        .map(|(name, value)| match name {
            "x-request-id" => (name.to_owned(), "an id".to_owned()),
            _ => (name.to_owned(), value.to_owned()),
        });
    (response.status.as_u16(), fields.collect(), &response.body)
}

/// Requests for this image, and for what is not there.
fn requests_for(image: &TestImage, lost: &TestImage) -> Vec<Asked<'static>> {
    let (id, etag) = (image.id.to_string(), format!("\"{}\"", image.hash()));
    let get = |status| Asked::new("GET", image.path(), status);
    let head = |status| Asked::new("HEAD", image.path(), status);
    let unknown = TestImage::of_size(1).path();
    vec![
        get(200),
        get(200).with("accept-encoding", "gzip, br"),
        get(200).with("origin", PAGE),
        Asked::new("GET", format!("{}?width=3", image.path()), 200),
        Asked::new("GET", image.path().replace(&id, &id.to_uppercase()), 200),
        Asked::new("GET", image.path().replace('-', ""), 200),
        Asked::new("GET", image.path().replace('-', "%2d"), 206).with("range", "bytes=0-0"),
        get(206).with("range", "bytes=0-9"),
        get(206).with("range", "bytes=90000-"),
        get(206).with("range", "bytes=-7"),
        get(206).with("range", "bytes=0-999999"),
        get(206).with("range", "BYTES=5-5"),
        get(416).with("range", "bytes=100000-"),
        get(200).with("range", "bytes=0-1,5-6"),
        get(200).with("range", "bytes=9-1"),
        get(200).with("range", "lines=0-1"),
        get(206)
            .with("range", "bytes=1-2")
            .with("if-range", etag.clone()),
        get(200)
            .with("range", "bytes=1-2")
            .with("if-range", "\"other\""),
        get(200)
            .with("range", "bytes=1-2")
            .with("if-range", format!("W/{etag}")),
        get(200)
            .with("range", "bytes=1-2")
            .with("if-range", "Tue, 02 Jan 2024 00:00:00 GMT"),
        get(304).with("if-none-match", etag.clone()),
        get(304).with("if-none-match", format!("\"other\", W/{etag}")),
        get(304).with("if-none-match", "*"),
        get(304)
            .with("if-none-match", etag.clone())
            .with("range", "bytes=1-2"),
        get(200).with("if-none-match", "\"other\""),
        get(200).with("if-match", etag.clone()),
        get(200).with("if-match", "*"),
        get(412).with("if-match", "\"other\"").with("origin", PAGE),
        get(412).with("if-match", format!("W/{etag}")),
        get(412)
            .with("if-match", "\"other\"")
            .with("range", "bytes=0-1"),
        get(200).with("if-modified-since", "Tue, 02 Jan 2024 00:00:00 GMT"),
        get(200).with("if-unmodified-since", "Tue, 02 Jan 2024 00:00:00 GMT"),
        head(200),
        head(200).with("range", "bytes=0-9"),
        head(200).with("range", "bytes=100000-"),
        head(304).with("if-none-match", etag),
        head(412).with("if-match", "\"other\""),
        Asked::new("OPTIONS", image.path(), 204),
        Asked::new("OPTIONS", image.path(), 204)
            .with("origin", PAGE)
            .with("access-control-request-method", "GET")
            .with("access-control-request-headers", "range"),
        Asked::new("POST", image.path(), 405),
        Asked::new("DELETE", image.path(), 405),
        Asked::new("GET", "/api/v1/images/x/file", 422),
        Asked::new("GET", unknown.clone(), 404),
        Asked::new("GET", unknown.clone(), 404).with("range", "bytes=0-1"),
        Asked::new("HEAD", unknown, 404),
        Asked::new("GET", "/api/v1/images/a/b/c", 404),
        Asked::new("GET", lost.path(), 500).with("origin", PAGE),
        Asked::new("GET", lost.path(), 500).with("range", "bytes=0-1"),
        Asked::new("HEAD", lost.path(), 500),
    ]
}

/// Requests to the records route, in an order that leaves everything as it was.
fn requests_to_records(image: &TestImage) -> Vec<Asked<'static>> {
    let new = TestImage::of_size(10);
    let to =
        |method, status| Asked::new(method, new.record_path(), status).with(BEARER.0, BEARER.1);
    let put = |status, content: Vec<u8>| {
        to("PUT", status)
            .with("content-type", "application/json")
            .sending(content)
    };
    let record = new.record().to_string().into_bytes();
    vec![
        put(201, record.clone()),
        put(204, record),
        to("GET", 200),
        to("HEAD", 200),
        put(409, image.record().to_string().into_bytes()),
        put(400, b"{".to_vec()),
        put(422, b"{}".to_vec()),
        put(413, vec![b' '; 20_000]),
        to("PUT", 415).sending(b"{}".to_vec()),
        to("DELETE", 412).with("if-none-match", "*"),
        to("DELETE", 204).with("if-match", "*"),
        to("GET", 404),
        to("POST", 405),
        Asked::new("GET", image.record_path(), 401),
        Asked::new("OPTIONS", image.record_path(), 401).with("origin", PAGE),
    ]
}

/// An app, and both proxies before it.
fn start(storage: &Storage, origins: &str) -> Option<(App, [(&'static str, Front); 2])> {
    let app = Launch::on(storage)
        .variable("cors_allowed_origins", origins)
        .variable("records_token", TOKEN)
        .start();
    let nginx = ("nginx", Front::nginx(app.address())?);
    let caddy = ("Caddy", Front::caddy(app.address())?);
    Some((app, [nginx, caddy]))
}

/// What was said, without the bytes of images.
fn shown(response: &Response) -> String {
    let (status, fields, body) = told(response);
    match body {
        Body::Whole(bytes) => format!("{status}, {} bytes, {fields:?}", bytes.len()),
        Body::Broken(bytes) => format!("{status}, broken after {} bytes", bytes.len()),
    }
}

#[track_caller]
fn assert_same(asked: &Asked, direct: &Response, by: &str, through: &Response) {
    let request = format!("{} {} {:?}", asked.method, asked.path, asked.fields());
    assert_eq!(direct.status, asked.status, "{request}");
    assert!(
        told(direct) == told(through),
        "{request}, by {by}:\n{}\ninstead of\n{}",
        shown(through),
        shown(direct)
    );
}

#[test]
fn every_answer_on_images_is_the_same_through_nginx_and_caddy() {
    for origins in ["", "*"] {
        let storage = Storage::start();
        let Some((app, fronts)) = start(&storage, origins) else {
            return;
        };
        let (image, lost) = (TestImage::of_size(100_000), TestImage::of_size(10));
        app.import(&storage, &image);
        app.record(&lost);

        for asked in requests_for(&image, &lost) {
            let direct = asked.of(&app);
            for (name, front) in &fronts {
                // The second time, nginx may have kept it.
                for _ in 0..2 {
                    assert_same(&asked, &direct, name, &asked.through(front));
                }
            }
        }
    }
}

#[test]
fn every_answer_on_records_is_the_same_through_nginx_and_caddy_and_none_is_kept() {
    let storage = Storage::start();
    let Some((app, fronts)) = start(&storage, "*") else {
        return;
    };
    let image = TestImage::of_size(10);
    app.record(&image);
    let requests = requests_to_records(&image);

    let direct: Vec<_> = requests.iter().map(|asked| asked.of(&app)).collect();
    for (name, front) in &fronts {
        for (asked, direct) in requests.iter().zip(&direct) {
            assert_same(asked, direct, name, &asked.through(front));
        }
    }
}

#[test]
fn nothing_but_images_and_records_is_shown_to_others() {
    let storage = Storage::start();
    let Some((app, fronts)) = start(&storage, "") else {
        return;
    };

    for path in ["/", "/readyz", "/.well-known/spin/health", "/api/v1/images"] {
        for (name, front) in &fronts {
            let answer = front.request("GET", path, &[]);
            let unknown = app.get("/unknown");
            assert!(
                told(&answer) == told(&unknown),
                "{path}, by {name}: {}",
                shown(&answer)
            );
        }
    }
}
