//! The storage server that `cargo xtask test --storage` has started, or was given.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rusty_s3::S3Action as _;

use super::storage::{Credentials, SIGNED_FOR, put, signing};

/// A server that all tests of the run share.
pub struct RealServer {
    /// As `--storage` names it.
    pub name: String,
    /// Its origin.
    pub endpoint: String,
    pub region: String,
    pub credentials: Credentials,
}

/// It may still be starting when the tests begin.
const READY_WITHIN: Duration = Duration::from_mins(1);

static OF_THIS_RUN: LazyLock<Option<RealServer>> = LazyLock::new(|| {
    let server = RealServer::described()?;
    server.wait();
    Some(server)
});

impl RealServer {
    /// The one that the `STORAGE_…` variables describe; without them, each test has an embedded one.
    pub fn of_this_run() -> Option<&'static Self> {
        OF_THIS_RUN.as_ref()
    }

    fn described() -> Option<Self> {
        let endpoint = std::env::var("STORAGE_ENDPOINT").ok()?;
        let told = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| panic!("STORAGE_ENDPOINT is set, {name} is not"))
        };
        Some(Self {
            name: told("STORAGE_NAME"),
            region: told("STORAGE_REGION"),
            credentials: Credentials {
                access_key_id: told("STORAGE_ACCESS_KEY_ID"),
                secret_access_key: told("STORAGE_SECRET_ACCESS_KEY"),
            },
            endpoint,
        })
    }

    /// Until it takes an object.
    fn wait(&self) {
        let authority = self.authority();
        let start = Instant::now();
        while let Err(refusal) = self.take_an_object() {
            assert!(
                start.elapsed() < READY_WITHIN,
                "the storage at {authority} takes no object: {refusal}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn take_an_object(&self) -> Result<(), String> {
        let (bucket, key) = signing(&self.endpoint, "ready", &self.region, &self.credentials);
        // Another run may have made it.
        let _ = put(&bucket.create_bucket(&key).sign(SIGNED_FOR), b"");
        let object = bucket.put_object(Some(&key), "ready").sign(SIGNED_FOR);
        put(&object, b"")
    }

    /// Host and port.
    pub fn authority(&self) -> &str {
        self.endpoint
            .strip_prefix("http://")
            .unwrap_or_else(|| panic!("{}: only http:// can be observed", self.endpoint))
    }
}
