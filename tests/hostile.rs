//! What somebody tries who means harm: each attempt ends as `docs/security.md` says.
//!
//! What belongs to one part alone is with the tests of that part; the page names them all.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::harness::app::{BEARER, Launch, TOKEN};
use crate::harness::endless::{BUFFERED, Endless};
use crate::harness::response::Response;
use crate::harness::{
    App, PATIENCE, ScriptedStorage, Step, Storage, TestImage, on_each_store, root,
};

#[test]
fn no_field_and_no_query_makes_another_answer_that_a_cache_might_keep() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);
    let fields = [
        ("host", "evil.example"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-prefix", "/evil"),
        ("x-host", "evil.example"),
        ("x-original-url", "/readyz"),
        ("x-rewrite-url", "/readyz"),
        ("x-http-method", "DELETE"),
        ("x-http-method-override", "DELETE"),
        ("x-method-override", "DELETE"),
        ("accept", "text/html"),
        ("accept-encoding", "gzip, br"),
        ("accept-language", "../../etc"),
        ("authorization", "Bearer anything"),
        ("cache-control", "no-cache"),
        ("cookie", "session=1"),
        ("content-type", "text/html"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("referer", "https://evil.example/<script>"),
        ("if-modified-since", "Thu, 01 Jan 2099 00:00:00 GMT"),
        ("x-amz-server-side-encryption-customer-key", "a"),
        ("x-request-id", "chosen-by-the-client"),
    ];

    for field in fields {
        app.request_with("GET", &image.path(), &[field])
            .assert_image(&image, &image.bytes);
    }
    for query in [
        "_method=DELETE",
        "versionId=1",
        "response-content-type=text/html",
        "X-Amz-Expires=1",
    ] {
        app.get(&format!("{}?{query}", image.path()))
            .assert_image(&image, &image.bytes);
    }

    let asked = storage.object_requests();
    let one = &asked[0].path_and_query;
    assert!(asked.iter().all(|request| request.path_and_query == *one));
    assert!(!one.contains('?'), "{one}");
}

#[test]
fn an_image_is_inert_in_a_browser_however_it_is_asked_for() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .variable("cache_max_bytes", "1000")
        .start();
    let script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    let page = b"GIF89a=1;/*<html><script>alert(1)</script>*/";
    let drawing = TestImage::of_bytes(script.to_vec()).with_type("image/svg+xml");
    let polyglot = TestImage::of_bytes(page.to_vec()).with_type("image/gif");

    for image in [&drawing, &polyglot] {
        app.import(&storage, image);
        // The second `GET` is answered with what the first has left in the key-value store.
        for (method, fields, status) in [
            ("HEAD", &[][..], 200),
            ("GET", &[], 200),
            ("GET", &[], 200),
            ("GET", &[("range", "bytes=5-")], 206),
        ] {
            let answer = app.request_with(method, &image.path(), fields);

            assert_eq!(answer.status, status, "{method} {fields:?}");
            let is = |name: &str, value: &str| answer.headers[name] == value;
            assert!(is("content-type", &image.mime_type), "{method} {fields:?}");
            assert!(
                is("x-content-type-options", "nosniff"),
                "{method} {fields:?}"
            );
            let policy = answer.headers["content-security-policy"].to_str().unwrap();
            let directives: Vec<_> = policy.split("; ").collect();
            assert!(directives.contains(&"default-src 'none'"), "{policy}");
            assert!(directives.contains(&"sandbox"), "{policy}");
            assert!(!policy.contains("script"), "{policy}");
        }
    }
}

#[test]
fn content_that_looks_like_a_request_is_never_taken_for_one() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = hidden.len();
    let path = TestImage::of_size(0).path();
    let first = |method: &str, fields: &str| {
        format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n")
    };
    let by_length = format!("Content-Length: {length}");
    let chunks = format!("{length:x}\r\n{hidden}\r\n0\r\n\r\n");
    let last = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let requests = [
        first("GET", &by_length) + hidden,
        first("HEAD", &by_length) + hidden,
        first("OPTIONS", &by_length) + hidden,
        first("POST", &by_length) + hidden,
        first("GET", "Transfer-Encoding: chunked") + &chunks,
        first("GET", &format!("Content-Length: 3\r\n{by_length}")) + hidden,
        first("GET", &format!("{by_length}\r\nContent-Length: 3")) + hidden,
        first("GET", &format!("Content-Length: {length}, 3")) + hidden,
        first("GET", &format!("Content-Length: +{length}")) + hidden,
        first("GET", "Transfer-Encoding: identity, gzip") + hidden,
        first("GET", "Transfer-Encoding : chunked") + &chunks,
        first("GET", &format!("X: y\r\n {by_length}")) + hidden,
        first("GET", "Content-Length: 3\r\nTransfer-Encoding: chunked") + &chunks,
    ];

    for request in &requests {
        let said = exchange(&app, (request.clone() + last).as_bytes());
        assert!(said.starts_with("HTTP/1.1 "), "{request}: {said}");
    }

    app.get("/end");
    let log = app.log(1);
    let paths: Vec<_> = log
        .iter()
        .filter_map(|line| line["path"].as_str())
        .collect();
    assert!(!paths.contains(&"/hidden"), "{paths:?}");
    assert!(paths.contains(&"/last"), "{paths:?}");
}

#[test]
fn a_request_of_any_size_is_answered_as_a_short_one_is_and_logged_in_short() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(1000);
    app.import(&storage, &image);
    let long = |text: &str| text.repeat(100_000 / text.len());
    let etag = format!("\"{}\"", image.hash());
    let listed = |members: &str| ("if-none-match", long(members) + &etag);

    for (name, value, status) in [
        (listed("\"a\",").0, listed("\"a\",").1, 304),
        (listed("W/\"\",").0, listed("W/\"\",").1, 304),
        (listed(",").0, listed(",").1, 304),
        ("if-none-match", long("\"a"), 200),
        ("if-none-match", long("W/"), 200),
        ("if-match", long("\"a\","), 412),
        ("range", format!("bytes={}", long("0-0,")), 200),
        ("range", format!("bytes=0-{}", long("9")), 206),
        ("range", format!("bytes={}-", long("9")), 416),
        ("if-range", long("\""), 200),
        ("origin", long("https://a.example"), 200),
        ("x-request-id", long("a"), 200),
        ("traceparent", long("00-"), 200),
    ] {
        let answer = app.request_with("GET", &image.path(), &[(name, &value)]);
        assert_eq!(answer.status, status, "{name}: {}…", &value[..20]);
    }
    let path = format!("/api/v1/images/{}/file", "%7B".repeat(10_000));
    assert_eq!(app.get(&path).status, 422);
    let query = format!("{}?{}", image.path(), "a=%00&".repeat(8000));
    assert_eq!(app.get(&query).status, 200);

    for line in app.log_text(15).lines() {
        assert!(line.len() < 1000, "{} bytes", line.len());
    }
}

#[test]
fn nothing_that_a_client_sends_forges_a_log_or_steers_a_terminal() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let forged = "\",\"level\":\"info\"}{\"status\":200";
    let odd = "\u{9b}31m\u{202e}\u{61c}\u{ad}\u{2028}\u{feff}\u{e0041}";
    let requests = [
        format!("GET /{odd} HTTP/1.1\r\nHost: a\r\n"),
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n", "%0d%0a%1b[31m"),
        format!("GET /a HTTP/1.1\r\nHost: a\r\nX-Request-Id: {odd}\r\n"),
        format!("GET /b HTTP/1.1\r\nHost: a\r\nX-Request-Id: {forged}\r\n"),
        "GET /c HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\r\nX-Request-Id: b\r\n".to_owned(),
        format!("GET /d HTTP/1.1\r\nHost: a\r\nTraceparent: 00-{odd}\r\n"),
        format!("GET /{forged} HTTP/1.1\r\nHost: a\r\n"),
        "A\u{1b}B /e HTTP/1.1\r\nHost: a\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n".to_owned(),
    ];

    for request in &requests {
        let said = exchange(
            &app,
            (request.clone() + "Connection: close\r\n\r\n").as_bytes(),
        );
        assert!(!said.contains(" 200"), "{request:?}: {said}");
        assert!(!said.contains("31m"), "{request:?}: {said}");
    }
    app.get("/end");

    let text = app.log_text(1);
    let is_safe = |c: char| c == '\n' || c.is_ascii_graphic() || c == ' ';
    assert!(text.chars().all(is_safe), "{text:?}");
    for line in app.log(1) {
        assert_ne!(line["status"], 200, "{line}");
    }
}

#[test]
fn a_key_names_one_object_of_the_bucket_however_it_is_written() {
    let keys = [
        (
            "%2e%2e/%2E%2E/other/secret",
            "%252e%252e/%252E%252E/other/secret",
        ),
        ("..%2fsecret", "..%252fsecret"),
        ("..\\secret", "..%5Csecret"),
        ("..;/secret", "..%3B/secret"),
        ("a?versionId=1", "a%3FversionId%3D1"),
        ("a?acl&X-Amz-Expires=1#b", "a%3Facl%26X-Amz-Expires%3D1%23b"),
        ("/other/secret", "/other/secret"),
        ("//127.0.0.1:1/secret", "//127.0.0.1%3A1/secret"),
        ("http://127.0.0.1:1/secret", "http%3A//127.0.0.1%3A1/secret"),
        ("@127.0.0.1:1/secret", "%40127.0.0.1%3A1/secret"),
        ("a HTTP/1.1", "a%20HTTP/1.1"),
    ];
    let steps: Vec<_> = keys.iter().map(|_| Step::object(3, "abc")).collect();
    let storage = ScriptedStorage::start(steps);
    let app = Launch::new(
        storage.endpoint(),
        "bucket",
        &ScriptedStorage::credentials(),
    )
    .variable("hash_max_bytes", "0")
    .start();

    for (key, _) in keys {
        let image = TestImage::of_size(3).with_key(key);
        app.record(&image);
        assert_eq!(app.get(&image.path()).bytes(), b"abc", "{key}");
    }

    for (request, (key, encoded)) in storage.requests().iter().zip(keys) {
        let line = request.lines().next().unwrap();
        assert_eq!(line, format!("GET /bucket/{encoded} HTTP/1.1"), "{key}");
    }
}

#[test]
fn the_token_is_taken_from_one_line_of_authorization_and_from_nowhere_else() {
    for (_storage, app) in on_each_store(|launch| launch.variable("records_token", TOKEN)) {
        let known = TestImage::of_size(10);
        app.record(&known);
        let shown = |value: &str| vec![("authorization", value.replace("TOKEN", TOKEN))];
        let attempts = [
            shown("TOKEN"),
            shown("Basic TOKEN"),
            shown("Bearer: TOKEN"),
            shown("Bearer=TOKEN"),
            shown("Bearer\tTOKEN"),
            shown("Bearer \"TOKEN\""),
            shown("Bearer TOKEN, Bearer TOKEN"),
            shown("Bearer TOKEN x"),
            shown("Bearer \u{a0}TOKEN"),
            shown("Bearer TOKEN\u{e9}"),
            shown("Bearer 0"),
            vec![("authorization", format!("Bearer {}", TOKEN.repeat(1000)))],
            [shown("Bearer TOKEN"), shown("Bearer TOKEN")].concat(),
            [shown("Bearer TOKEN"), shown("Basic x")].concat(),
            vec![("proxy-authorization", format!("Bearer {TOKEN}"))],
            vec![("x-authorization", format!("Bearer {TOKEN}"))],
            vec![("cookie", format!("records_token={TOKEN}"))],
            vec![("x-api-key", TOKEN.to_owned())],
        ];

        for attempt in &attempts {
            let fields: Vec<_> = attempt
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let mut answers = Vec::new();
            for path in [
                known.record_path(),
                TestImage::of_size(0).record_path(),
                "/api/v1/images/x".into(),
            ] {
                for method in ["GET", "PUT", "DELETE", "OPTIONS", "POST"] {
                    let answer = app.request_with(method, &path, &fields);
                    assert_eq!(answer.status, 401, "{method} {path} {attempt:?}");
                    answers.push(answer.bytes().to_vec());
                }
            }
            answers.dedup();
            assert_eq!(answers.len(), 1, "{attempt:?}");
        }
        for query in ["access_token", "records_token", "token"] {
            let path = format!("{}?{query}={TOKEN}", known.record_path());
            assert_eq!(app.get(&path).status, 401, "{query}");
        }
        let read = app.request_with("GET", &known.record_path(), &[BEARER]);
        assert_eq!(read.status, 200);
    }
}

#[test]
fn a_record_brings_no_field_of_its_own_into_an_answer() {
    for (_storage, app) in on_each_store(|launch| launch.variable("records_token", TOKEN)) {
        let image = TestImage::of_size(10);
        let split = "\r\nSet-Cookie: a=b\r\n\r\n<script>";
        for (field, begin) in [
            ("storage_key", "a"),
            ("mime_type", "image/png"),
            ("mime_type", "image/svg+xml; charset="),
            ("mime_type", "image/png;a=\"b\""),
            ("hash", "a"),
        ] {
            for text in [split, "\n x: y", "\r", "\u{0}", "\u{2028}\r\n"] {
                let mut record = image.record();
                record[field] = format!("{begin}{text}").into();

                let answer = put(&app, &image, &record.to_string());

                assert_eq!(answer.status, 422, "{field}: {text:?}");
                assert!(!answer.headers.contains_key("set-cookie"));
                assert_eq!(answer.headers["content-type"], "application/json");
            }
        }
        assert!(app.records().is_empty());
    }
}

#[test]
fn a_bomb_of_json_is_refused_and_the_next_record_is_taken() {
    for (_storage, app) in on_each_store(|launch| launch.variable("records_token", TOKEN)) {
        let image = TestImage::of_size(10);
        let record = image.record().to_string();
        let within = |value: &str| record.replacen('{', &format!("{{\"storage_key\":{value},"), 1);
        let bombs = [
            (within(&"[".repeat(16_000)), 400),
            (within(&"{\"a\":".repeat(3000)), 400),
            (within(&("[".repeat(8000) + &"]".repeat(8000))), 422),
            (within(&"9".repeat(16_000)), 400),
            (within(&format!("1e{}", "9".repeat(10_000))), 400),
            (within(&format!("0.{}", "0".repeat(10_000))), 422),
            (
                within(&format!("\"{}\"", "\\ud800\\udc00".repeat(1300))),
                422,
            ),
            (within("\"\\ud800\""), 400),
            (
                format!("{{{}\"x\":1}}", "\"hash\":\"a\",".repeat(1000)),
                422,
            ),
            (format!("{{\"size_bytes\":{}}}", "9".repeat(300)), 422),
            ("\u{feff}".to_owned() + &record, 400),
            (record.clone() + &record, 400),
            (record.clone() + &" ".repeat(1_000_000), 413),
        ];

        for (bomb, status) in &bombs {
            let shown = &bomb[..bomb.floor_char_boundary(60)];
            assert_eq!(put(&app, &image, bomb).status, *status, "{shown}…");
        }
        assert!(app.records().is_empty());
        assert_eq!(put(&app, &image, &record).status, 201);
    }
}

#[test]
fn a_storage_that_is_not_one_makes_no_field_and_no_text_of_an_answer() {
    let image = TestImage::of_size(3);
    let hostile = "Set-Cookie: a=b\r\nLocation: http://127.0.0.1:1/\r\nContent-Type: text/html\r\n\
         Cache-Control: no-store\r\nAccess-Control-Allow-Origin: *\r\nETag: \"x\"\r\n\
         Content-Security-Policy: script-src *\r\nLink: <http://127.0.0.1:1/>\r\n";
    let object = format!("HTTP/1.1 200 OK\r\n{hostile}Content-Length: 3\r\n\r\nabc");
    let storage = ScriptedStorage::start([
        Step::Send(object),
        Step::status(302, hostile),
        Step::Send(format!(
            "HTTP/1.1 403 -\r\n{hostile}Content-Length: 8\r\n\r\n<script>"
        )),
    ]);
    let app = Launch::new(
        storage.endpoint(),
        "bucket",
        &ScriptedStorage::credentials(),
    )
    .variable("hash_max_bytes", "0")
    .start();
    app.record(&image);

    app.get(&image.path()).assert_image(&image, b"abc");
    app.get(&image.path()).assert_storage_error();
    app.get(&image.path()).assert_storage_error();

    assert_eq!(storage.requests().len(), 3);
}

#[test]
fn an_error_of_storage_without_an_end_ends_the_request_all_the_same() {
    let storage = Endless::start();
    let credentials = ScriptedStorage::credentials();
    let app = Launch::new(storage.endpoint(), "bucket", &credentials).start();
    let image = TestImage::of_size(3);
    app.record(&image);

    for _ in 0..3 {
        app.get(&image.path()).assert_storage_error();
    }

    let taken = storage.taken();
    assert!(taken < BUFFERED, "{taken} bytes");
}

#[test]
fn every_dependency_is_of_one_registry_and_has_a_checksum() {
    let mut sources = BTreeSet::new();
    for lock in ["Cargo.lock", "tools/bench/Cargo.lock", "fuzz/Cargo.lock"] {
        let text = std::fs::read_to_string(root().join(lock)).unwrap();
        let lock: toml::Table = text.parse().unwrap();
        let packages = lock["package"].as_array().unwrap();
        // Those without a source are of this repository.
        for package in packages.iter().filter(|one| one.get("source").is_some()) {
            let checksum = package.get("checksum").and_then(toml::Value::as_str);
            let name = &package["name"];
            assert_eq!(checksum.map(str::len), Some(64), "{name}");
            sources.insert(package["source"].as_str().unwrap().to_owned());
        }
    }

    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(sources.iter().all(|source| source.starts_with("registry+")));
}

/// `PUT` of this content as an image's record, with the token.
fn put(app: &App, image: &TestImage, content: &str) -> Response {
    let fields = [BEARER, ("content-type", "application/json")];
    app.send("PUT", &image.record_path(), &fields, content.as_bytes())
}

/// Everything that a server says to these bytes until it ends the connection.
fn exchange(app: &App, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A server that has refused the beginning does not take the rest.
    let _ = stream.write_all(request);
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}
