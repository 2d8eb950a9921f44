//! What a client of embedded storage sees, over HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends at the first surprise"
)]

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use image_proxy_embedded_storage::{Credentials, EmbeddedStorage};
use rusty_s3::{Bucket, S3Action as _, UrlStyle};
use tempfile::TempDir;

const ANY_FREE_PORT: ([u8; 4], u16) = ([127, 0, 0, 1], 0);
const BUCKET: &str = "images";

fn credentials() -> Credentials {
    Credentials {
        access_key_id: "test".to_owned(),
        secret_access_key: "test-secret".to_owned(),
    }
}

/// A started storage with an empty bucket, and the folder that it keeps objects in.
async fn storage() -> (EmbeddedStorage, TempDir) {
    let root = tempfile::tempdir().unwrap();
    let storage = EmbeddedStorage::start(ANY_FREE_PORT.into(), root.path(), &credentials())
        .await
        .unwrap();
    std::fs::create_dir(root.path().join(BUCKET)).unwrap();
    (storage, root)
}

/// A client that signs with `secret`.
struct Client {
    bucket: Bucket,
    credentials: rusty_s3::Credentials,
    http: legacy::Client<HttpConnector, Full<Bytes>>,
}

impl Client {
    fn new(endpoint: &str, secret: &str) -> Self {
        Self {
            bucket: Bucket::new(
                endpoint.parse().unwrap(),
                UrlStyle::Path,
                BUCKET,
                "us-east-1",
            )
            .unwrap(),
            credentials: rusty_s3::Credentials::new("test", secret),
            http: legacy::Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    fn of(storage: &EmbeddedStorage) -> Self {
        Self::new(&storage.endpoint(), "test-secret")
    }

    async fn put(&self, key: &str, body: impl Into<Bytes>) -> u16 {
        let url = self
            .bucket
            .put_object(Some(&self.credentials), key)
            .sign(Duration::from_mins(1));
        self.send(Method::PUT, url.as_str(), body).await.0
    }

    async fn get(&self, key: &str) -> (u16, Vec<u8>) {
        let url = self
            .bucket
            .get_object(Some(&self.credentials), key)
            .sign(Duration::from_mins(1));
        self.send(Method::GET, url.as_str(), "").await
    }

    /// The status and the content of the answer.
    async fn send(&self, method: Method, url: &str, body: impl Into<Bytes>) -> (u16, Vec<u8>) {
        let request = Request::builder().method(method).uri(url);
        let request = request.body(Full::new(body.into())).unwrap();
        let (head, body) = self.http.request(request).await.unwrap().into_parts();
        let content = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), content.into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_comes_back_byte_for_byte() {
    let (storage, _root) = storage().await;
    let client = Client::of(&storage);
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();

    assert_eq!(client.put("a folder/ä+%.png", bytes.clone()).await, 200);

    assert_eq!(client.get("a folder/ä+%.png").await, (200, bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_can_be_created_by_the_s3_api() {
    let root = tempfile::tempdir().unwrap();
    let storage = EmbeddedStorage::start(ANY_FREE_PORT.into(), root.path(), &credentials())
        .await
        .unwrap();
    let client = Client::of(&storage);
    let create = client
        .bucket
        .create_bucket(&client.credentials)
        .sign(Duration::from_mins(1));

    let (status, _) = client.send(Method::PUT, create.as_str(), "").await;

    assert_eq!(status, 200);
    assert!(root.path().join(BUCKET).is_dir());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_there_is_told_whatever_is_asked_of_it() {
    let root = tempfile::tempdir().unwrap();
    let storage = EmbeddedStorage::start(ANY_FREE_PORT.into(), root.path(), &credentials())
        .await
        .unwrap();
    let client = Client::of(&storage);
    let (bucket, credentials, soon) = (
        &client.bucket,
        Some(&client.credentials),
        Duration::from_mins(1),
    );
    let list = bucket.list_objects_v2(credentials);
    let upload = bucket.create_multipart_upload(credentials, "key");
    let requests = [
        (
            Method::GET,
            bucket.get_object(credentials, "key").sign(soon),
        ),
        (
            Method::HEAD,
            bucket.head_object(credentials, "key").sign(soon),
        ),
        (
            Method::PUT,
            bucket.put_object(credentials, "key").sign(soon),
        ),
        (
            Method::DELETE,
            bucket.delete_object(credentials, "key").sign(soon),
        ),
        (Method::POST, upload.sign(soon)),
        (Method::GET, list.sign(soon)),
        (Method::HEAD, bucket.head_bucket(credentials).sign(soon)),
    ];

    for (method, url) in requests {
        let (status, content) = client.send(method.clone(), url.as_str(), "").await;

        let content = String::from_utf8(content).unwrap();
        assert_eq!(status, 404, "{method} {url}: {content}");
        let says_so = content.contains("<Code>NoSuchBucket</Code>");
        assert_eq!(says_so, method != Method::HEAD, "{method} {url}: {content}");
    }
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_right_signature_nobody_learns_which_buckets_there_are() {
    let root = tempfile::tempdir().unwrap();
    let storage = EmbeddedStorage::start(ANY_FREE_PORT.into(), root.path(), &credentials())
        .await
        .unwrap();
    let url = format!("{}/{BUCKET}/key", storage.endpoint());

    let unsigned = Client::of(&storage).send(Method::GET, &url, "").await;

    assert_eq!(unsigned.0, 403);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_leaves_what_was_there() {
    let (storage, root) = storage().await;
    let client = Client::of(&storage);
    client.put("key", "before").await;
    fill_the_disk(root.path());
    let url = client
        .bucket
        .put_object(Some(&client.credentials), "key")
        .sign(Duration::from_mins(1));

    for size in [10, 1_000_000] {
        let (status, content) = client.send(Method::PUT, url.as_str(), vec![7; size]).await;

        let content = String::from_utf8(content).unwrap();
        assert_eq!(status, 507, "{content}");
        assert!(
            content.contains("<Code>InsufficientStorage</Code>")
                && content.contains("<Message>The disk of the storage is full"),
            "{content}"
        );
    }
    assert_eq!(client.get("key").await, (200, b"before".to_vec()));
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_program_says_once_for_each_upload_that_its_disk_is_full() {
    let root = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_image-proxy-embedded-storage"))
        .args(["--listen", "127.0.0.1:0", "--bucket", BUCKET, "--folder"])
        .arg(root.path())
        .env("STORAGE_ACCESS_KEY_ID", "test")
        .env("STORAGE_SECRET_ACCESS_KEY", "test-secret")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let endpoint = line.strip_prefix("Serving ").unwrap();
    fill_the_disk(root.path());

    let status = Client::new(endpoint, "test-secret")
        .put("key", "bytes")
        .await;

    program.kill().unwrap();
    let said = program.wait_with_output().unwrap().stderr;
    assert_eq!(status, 507);
    assert_eq!(
        String::from_utf8(said).unwrap(),
        "error: the disk of the storage is full: No space left on device (os error 28)\n"
    );
}

/// Nothing can be written to the device that uploads go to from now on: each is a file beside the
/// buckets first.
#[cfg(target_os = "linux")]
fn fill_the_disk(root: &Path) {
    for number in 0..10 {
        let upload = root.join(format!(".tmp.{number}.internal.part"));
        std::os::unix::fs::symlink("/dev/full", upload).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_right_signature_is_refused() {
    let (storage, _root) = storage().await;
    Client::of(&storage).put("key", "bytes").await;

    let wrong_secret = Client::new(&storage.endpoint(), "wrong-secret")
        .get("key")
        .await;
    let url = format!("{}/{BUCKET}/key", storage.endpoint());
    let unsigned = Client::of(&storage).send(Method::GET, &url, "").await;

    assert_eq!(wrong_secret.0, 403);
    assert_eq!(unsigned.0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_remembered_in_order_as_it_was_sent() {
    let (storage, _root) = storage().await;
    let client = Client::of(&storage);
    client.put("a b", "bytes").await;
    client.get("missing").await;
    Client::new(&storage.endpoint(), "wrong-secret")
        .get("refused")
        .await;

    let requests = storage.requests();

    let seen: Vec<_> = requests
        .iter()
        .map(|request| {
            (
                request.method.clone(),
                request.path_and_query.split('?').next().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Method::PUT, "/images/a%20b"),
            (Method::GET, "/images/missing"),
            (Method::GET, "/images/refused"),
        ]
    );
    let host = requests[0].headers["host"].to_str().unwrap();
    assert_eq!(format!("http://{host}"), storage.endpoint());
    assert!(requests[0].path_and_query.contains("X-Amz-Signature="));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_for_long_runs_remembers_nothing() {
    let root = tempfile::tempdir().unwrap();
    let storage =
        EmbeddedStorage::start_unrecorded(ANY_FREE_PORT.into(), root.path(), &credentials())
            .await
            .unwrap();

    Client::of(&storage).get("missing").await;

    assert!(storage.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn virtual_hosted_every_path_is_a_key_of_the_one_bucket() {
    let (path_style, root) = storage().await;
    Client::of(&path_style).put("deep/key", "bytes").await;
    let storage = EmbeddedStorage::start_virtual_hosted(
        ANY_FREE_PORT.into(),
        root.path(),
        &credentials(),
        BUCKET,
    )
    .await
    .unwrap();
    let port = storage.endpoint().rsplit(':').next().unwrap().to_owned();

    for endpoint in [storage.endpoint(), format!("http://localhost:{port}")] {
        // Path-style on a bucket called `deep`: the same request as virtual-hosted for `deep/key`.
        let mut client = Client::new(&endpoint, "test-secret");
        client.bucket = Bucket::new(
            endpoint.parse().unwrap(),
            UrlStyle::Path,
            "deep",
            "us-east-1",
        )
        .unwrap();

        assert_eq!(
            client.get("key").await,
            (200, b"bytes".to_vec()),
            "{endpoint}"
        );
        client.credentials = rusty_s3::Credentials::new("test", "wrong-secret");
        assert_eq!(client.get("key").await.0, 403, "{endpoint}");
    }
    let host = storage.requests()[0].headers["host"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(format!("http://{host}"), storage.endpoint());
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_breaks_off_an_answer_that_is_under_way() {
    let (storage, _root) = storage().await;
    let client = Client::of(&storage);
    let size = 50_000_000;
    client.put("large", vec![7; size]).await;
    let url = client
        .bucket
        .get_object(Some(&client.credentials), "large")
        .sign(Duration::from_mins(1));
    let mut connection = TcpStream::connect(address(&storage)).unwrap();
    let target = format!("{}?{}", url.path(), url.query().unwrap());
    let host = address(&storage);
    write!(connection, "GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut first = [0; 1000];
    connection.read_exact(&mut first).unwrap();

    storage.stop().await;

    let mut rest = Vec::new();
    let end = connection.read_to_end(&mut rest);
    assert!(end.is_err() || rest.len() < size, "the whole object came");
    assert_eq!(
        TcpStream::connect(host).unwrap_err().kind(),
        io::ErrorKind::ConnectionRefused
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_an_error_that_can_be_told_from_others() {
    let taken = TcpListener::bind(SocketAddr::from(ANY_FREE_PORT)).unwrap();
    let root = tempfile::tempdir().unwrap();

    let error = EmbeddedStorage::start(taken.local_addr().unwrap(), root.path(), &credentials())
        .await
        .unwrap_err();

    let cause = error
        .downcast_ref::<io::Error>()
        .expect("the cause is an I/O error");
    assert_eq!(cause.kind(), io::ErrorKind::AddrInUse);
}

fn address(storage: &EmbeddedStorage) -> SocketAddr {
    storage
        .endpoint()
        .trim_start_matches("http://")
        .parse()
        .unwrap()
}
