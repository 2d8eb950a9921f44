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

/// Runs every storage of the suite.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How long the client's own signatures last.
const SIGNED_FOR: Duration = Duration::from_mins(1);

/// A server with one bucket.
pub struct Storage {
    pub bucket: String,
    pub credentials: Credentials,
    server: EmbeddedStorage,
    /// Serves the same bucket under an address of its own.
    virtual_hosted: Option<EmbeddedStorage>,
    folder: TempDir,
}

impl Storage {
    /// `/bucket/key`
    pub fn start() -> Self {
        let unique = Uuid::new_v4().simple().to_string();
        let credentials = Credentials {
            access_key_id: format!("key{unique}"),
            secret_access_key: format!("secret{unique}"),
        };
        let folder = tempfile::tempdir().unwrap();
        let server = EmbeddedStorage::start(ANY_PORT, folder.path(), &credentials);
        let storage = Self {
            bucket: format!("bucket-{unique}"),
            server: RUNTIME.block_on(server).unwrap(),
            credentials,
            virtual_hosted: None,
            folder,
        };
        let (bucket, key) = storage.as_client();
        send_put(&bucket.create_bucket(&key).sign(SIGNED_FOR), &[]);
        storage
    }

    /// `/key`: the server's address stands for the bucket.
    pub fn start_virtual_hosted() -> Self {
        let mut storage = Self::start();
        let (root, key, bucket) = (storage.folder.path(), &storage.credentials, &storage.bucket);
        let server = EmbeddedStorage::start_virtual_hosted(ANY_PORT, root, key, bucket);
        storage.virtual_hosted = Some(RUNTIME.block_on(server).unwrap());
        storage
    }

    /// Origin that the app is told.
    pub fn endpoint(&self) -> String {
        self.serving().endpoint()
    }

    /// Uploads an object.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let (bucket, credentials) = self.as_client();
        send_put(
            &bucket.put_object(Some(&credentials), key).sign(SIGNED_FOR),
            bytes,
        );
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
        let mut requests = self.serving().requests();
        requests.retain(|request| request.method != http::Method::PUT);
        requests
    }

    /// Ends the server and its connections.
    pub fn stop(self) {
        RUNTIME.block_on(self.server.stop());
    }

    fn serving(&self) -> &EmbeddedStorage {
        self.virtual_hosted.as_ref().unwrap_or(&self.server)
    }

    fn as_client(&self) -> (Bucket, rusty_s3::Credentials) {
        let endpoint = self.server.endpoint().parse().unwrap();
        let bucket = Bucket::new(endpoint, UrlStyle::Path, self.bucket.clone(), "us-east-1");
        let Credentials {
            access_key_id,
            secret_access_key,
        } = self.credentials.clone();
        (
            bucket.unwrap(),
            rusty_s3::Credentials::new(access_key_id, secret_access_key),
        )
    }
}

fn send_put(url: &impl ToString, bytes: &[u8]) {
    let answer =
        super::response::exchange(http::Request::put(url.to_string()).body(bytes).unwrap())
            .unwrap();
    assert!(
        answer.status.is_success(),
        "{} is not taken: {answer:?}",
        url.to_string()
    );
}
