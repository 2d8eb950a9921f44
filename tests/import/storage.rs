//! Storage whose folder a test looks into, and a way to it on which an upload gets stuck.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};

use image_proxy_embedded_storage::{Credentials, EmbeddedStorage, SeenRequest};
use tempfile::TempDir;

use crate::harness::relay::pass;
use crate::harness::storage::{ANY_PORT, RUNTIME};
use crate::harness::wait_for;

/// A server with one bucket.
pub struct Storage {
    server: EmbeddedStorage,
    /// Serves the same bucket under an address of its own.
    virtual_hosted: EmbeddedStorage,
    folder: TempDir,
}

impl Storage {
    pub const BUCKET: &str = "pictures";

    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join(Self::BUCKET)).unwrap();
        let credentials = Self::credentials();
        let server = EmbeddedStorage::start(ANY_PORT, folder.path(), &credentials);
        let server = RUNTIME.block_on(server).unwrap();
        let virtual_hosted = EmbeddedStorage::start_virtual_hosted(
            ANY_PORT,
            folder.path(),
            &credentials,
            Self::BUCKET,
        );
        let virtual_hosted = RUNTIME.block_on(virtual_hosted).unwrap();
        Self {
            server,
            virtual_hosted,
            folder,
        }
    }

    pub fn credentials() -> Credentials {
        Credentials {
            access_key_id: "import-id".into(),
            secret_access_key: "import-secret".into(),
        }
    }

    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// Where the host alone names the bucket.
    pub fn virtual_hosted_endpoint(&self) -> String {
        self.virtual_hosted.endpoint()
    }

    /// The bytes of an object.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.path().join(Self::BUCKET).join(key)).ok()
    }

    /// The files in which anything of an object may be, finished or not.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.folder.path().to_owned()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files
    }

    /// The requests that change something, in order.
    pub fn writes(&self) -> Vec<SeenRequest> {
        let mut requests = self.server.requests();
        requests.retain(|request| !matches!(request.method.as_str(), "GET" | "HEAD"));
        requests
    }
}

/// A way to storage on which the second part of an upload gets stuck.
pub struct Bottleneck {
    endpoint: String,
    stuck: Receiver<()>,
}

impl Bottleneck {
    pub fn before(storage: &Storage) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let upstream = storage.endpoint().replace("http://", "");
        let (sender, stuck) = mpsc::channel();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(&upstream).unwrap();
                let (to_client, from_server) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap());
                let sender = sender.clone();
                std::thread::spawn(move || pass(client, server, until_stuck(&sender)));
                std::thread::spawn(move || pass(from_server, to_client, |_| true));
            }
        });
        Self { endpoint, stuck }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub fn wait_until_stuck(&self) {
        wait_for("the second part", || self.stuck.try_recv().ok());
    }
}

/// Nothing passes from the second part of an upload on, and no answer to it ever comes back.
fn until_stuck(stuck: &Sender<()>) -> impl FnMut(&[u8]) -> bool {
    let second_part = b"partNumber=2&";
    let mut is_stuck = false;
    move |bytes| {
        let mut places = bytes.windows(second_part.len());
        if !is_stuck && places.any(|place| place == second_part) {
            is_stuck = true;
            let _ = stuck.send(());
        }
        !is_stuck
    }
}
