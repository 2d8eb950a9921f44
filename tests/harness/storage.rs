//! Storage of a test's own, filled by a client that is not the app's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::Duration;

use image_proxy_embedded_storage::{EmbeddedStorage, SeenRequest};
use rusty_s3::{Bucket, S3Action, UrlStyle};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

pub use image_proxy_embedded_storage::Credentials;

use super::images::TestImage;
use super::minio::Minio;
use super::real_server::RealServer;
use super::relay::Relay;
use super::response::{Body, exchange};
use super::wait_for;

/// Runs every storage of the suite, and the connections of its clients.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

pub const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

const CHECKSUM: &str = "x-amz-checksum-sha256";

/// How long the client's own signatures last.
pub(super) const SIGNED_FOR: Duration = Duration::from_mins(1);

/// A bucket of the test's own, on a server that `cargo xtask test --storage` chose.
pub struct Storage {
    pub bucket: String,
    pub credentials: Credentials,
    pub region: String,
    server: Server,
    /// Serves the same bucket under an address of its own.
    virtual_hosted: Option<EmbeddedStorage>,
    folder: TempDir,
}

enum Server {
    /// One of the test's own.
    Embedded(EmbeddedStorage),
    /// One for all tests, and the app's way to it.
    Real(&'static RealServer, Relay),
    /// One of the test's own that speaks TLS, so that nobody sees what it is asked.
    Tls(Minio),
}

impl Storage {
    /// `/bucket/key`
    pub fn start() -> Self {
        match RealServer::of_this_run() {
            Some(server) => Self::on(server),
            None => Self::embedded(),
        }
    }

    fn on(server: &'static RealServer) -> Self {
        let relay = Relay::start(server.authority());
        Self {
            bucket: format!("bucket-{}", Uuid::new_v4().simple()),
            credentials: server.credentials.clone(),
            region: server.region.clone(),
            server: Server::Real(server, relay),
            virtual_hosted: None,
            folder: tempfile::tempdir().unwrap(),
        }
        .with_its_bucket()
    }

    /// MinIO by TLS; without its program, a test is skipped.
    pub fn start_over_tls() -> Option<Self> {
        let program = Minio::find()?;
        let folder = tempfile::tempdir().unwrap();
        let server = Minio::start(&program, folder.path());
        let storage = Self {
            bucket: format!("bucket-{}", Uuid::new_v4().simple()),
            credentials: server.credentials.clone(),
            region: "us-east-1".into(),
            server: Server::Tls(server),
            virtual_hosted: None,
            folder,
        };
        wait_for("MinIO", || storage.try_to_make_its_bucket().ok());
        Some(storage)
    }

    fn embedded() -> Self {
        let unique = Uuid::new_v4().simple().to_string();
        let credentials = Credentials {
            access_key_id: format!("key{unique}"),
            secret_access_key: format!("secret{unique}"),
        };
        let folder = tempfile::tempdir().unwrap();
        let server = EmbeddedStorage::start(ANY_PORT, folder.path(), &credentials);
        Self {
            bucket: format!("bucket-{unique}"),
            server: Server::Embedded(RUNTIME.block_on(server).unwrap()),
            credentials,
            region: "us-east-1".into(),
            virtual_hosted: None,
            folder,
        }
        .with_its_bucket()
    }

    fn with_its_bucket(self) -> Self {
        self.try_to_make_its_bucket().unwrap();
        self
    }

    fn try_to_make_its_bucket(&self) -> Result<(), String> {
        let (bucket, key) = self.as_client();
        put(&bucket.create_bucket(&key).sign(SIGNED_FOR), b"")
    }

    /// `/key`: the address of an embedded server stands for the bucket.
    pub fn start_virtual_hosted() -> Self {
        let mut storage = Self::embedded();
        let (root, key, bucket) = (storage.folder.path(), &storage.credentials, &storage.bucket);
        let server = EmbeddedStorage::start_virtual_hosted(ANY_PORT, root, key, bucket);
        storage.virtual_hosted = Some(RUNTIME.block_on(server).unwrap());
        storage
    }

    /// Origin that the app is told.
    pub fn endpoint(&self) -> String {
        match (&self.virtual_hosted, &self.server) {
            (Some(server), _) | (None, Server::Embedded(server)) => server.endpoint(),
            (None, Server::Real(_, relay)) => relay.endpoint(),
            (None, Server::Tls(minio)) => minio.endpoint.clone(),
        }
    }

    /// What runs it, as `cargo xtask test --storage` names it.
    pub fn server_name(&self) -> &str {
        match &self.server {
            Server::Embedded(_) => "embedded",
            Server::Real(server, _) => &server.name,
            Server::Tls(_) => "minio",
        }
    }

    /// Origin for clients of the test's own, whose requests are not counted.
    pub fn direct_endpoint(&self) -> String {
        match &self.server {
            Server::Embedded(server) => server.endpoint(),
            Server::Real(server, _) => server.endpoint.clone(),
            Server::Tls(minio) => minio.endpoint.clone(),
        }
    }

    /// Uploads an object.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let (bucket, credentials) = self.as_client();
        let url = bucket.put_object(Some(&credentials), key).sign(SIGNED_FOR);
        put(&url, bytes).unwrap();
    }

    /// Uploads an image's object with its SHA-256, for storage to keep.
    pub fn put_with_checksum(&self, image: &TestImage) {
        let (bucket, credentials) = self.as_client();
        let checksum = image.sha256_in_base64();
        let mut action = bucket.put_object(Some(&credentials), &image.key);
        action.headers_mut().insert(CHECKSUM, checksum.clone());
        let request = http::Request::put(action.sign(SIGNED_FOR).as_str());
        let request = request.header(CHECKSUM, checksum).body(&image.bytes);
        put_request(request.unwrap()).unwrap();
    }

    /// Whether it speaks TLS, with a certificate of the tests' authority.
    pub fn is_over_tls(&self) -> bool {
        matches!(self.server, Server::Tls(_))
    }

    /// A folder that goes with the test.
    pub fn scratch_folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// How often objects were asked for.
    pub fn asked(&self) -> usize {
        self.object_requests().len()
    }

    /// The requests that fetch objects, in order.
    pub fn object_requests(&self) -> Vec<SeenRequest> {
        let mut requests = match (&self.virtual_hosted, &self.server) {
            (Some(server), _) | (None, Server::Embedded(server)) => server.requests(),
            (None, Server::Real(_, relay)) => relay.requests(),
            (None, Server::Tls(_)) => panic!("nobody sees what is asked by TLS"),
        };
        requests.retain(|request| request.method != http::Method::PUT);
        requests
    }

    /// Ends the server, or the way to it, and its connections.
    pub fn stop(self) {
        match self.server {
            Server::Embedded(server) => RUNTIME.block_on(server.stop()),
            Server::Real(_, relay) => relay.stop(),
            Server::Tls(minio) => drop(minio),
        }
    }

    fn as_client(&self) -> (Bucket, rusty_s3::Credentials) {
        let endpoint = self.direct_endpoint();
        signing(&endpoint, &self.bucket, &self.region, &self.credentials)
    }
}

/// What signs the requests of a client that is not the app.
pub(super) fn signing(
    endpoint: &str,
    bucket: &str,
    region: &str,
    credentials: &Credentials,
) -> (Bucket, rusty_s3::Credentials) {
    let (bucket, region) = (bucket.to_owned(), region.to_owned());
    let bucket = Bucket::new(endpoint.parse().unwrap(), UrlStyle::Path, bucket, region);
    let Credentials {
        access_key_id,
        secret_access_key,
    } = credentials.clone();
    let credentials = rusty_s3::Credentials::new(access_key_id, secret_access_key);
    (bucket.unwrap(), credentials)
}

/// Sends a signed `PUT`; what is not taken is an error that says why.
pub(super) fn put(url: &impl ToString, bytes: &[u8]) -> Result<(), String> {
    put_request(http::Request::put(url.to_string()).body(bytes).unwrap())
}

fn put_request(request: http::Request<impl AsRef<[u8]>>) -> Result<(), String> {
    let url = request.uri().to_string();
    match exchange(request) {
        Ok(answer) if answer.status.is_success() => Ok(()),
        Ok(answer) => {
            let (Body::Whole(said) | Body::Broken(said)) = answer.body;
            let said = String::from_utf8_lossy(&said);
            Err(format!("{url}: {}, {said}", answer.status))
        }
        Err(error) => Err(format!("{url}: {error:?}")),
    }
}
