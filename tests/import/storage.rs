//! Storage whose folder a test looks into, and a way to it on which an upload gets stuck.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image_proxy_embedded_storage::{Credentials, EmbeddedStorage, SeenRequest};
use rusty_s3::{Bucket, S3Action, UrlStyle};
use sha2::{Digest, Sha256};
use socket2::SockRef;
use tempfile::TempDir;

use crate::harness::relay::pass;
use crate::harness::response::exchange;
use crate::harness::storage::{ANY_PORT, RUNTIME};
use crate::harness::wait_for;

const CHECKSUM: &str = "x-amz-checksum-sha256";

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

    /// The file of an object.
    pub fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(Self::BUCKET).join(key)
    }

    /// The bytes of an object.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.path(key)).ok()
    }

    /// Whether the object came with the SHA-256 of these bytes.
    pub fn has_checksum(&self, key: &str, bytes: &[u8]) -> bool {
        let path = format!("/{}/{key}?", Self::BUCKET);
        let writes = self.writes();
        let write = writes
            .iter()
            .find(|write| write.path_and_query.starts_with(&path));
        let checksum = write.and_then(|write| write.headers.get(CHECKSUM));
        checksum.is_some_and(|checksum| *checksum == STANDARD.encode(Sha256::digest(bytes)))
    }

    /// Puts an object there, with its SHA-256.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        let endpoint = self.endpoint().parse().unwrap();
        let bucket = Bucket::new(endpoint, UrlStyle::Path, Self::BUCKET, "us-east-1").unwrap();
        let Credentials {
            access_key_id,
            secret_access_key,
        } = Self::credentials();
        let credentials = rusty_s3::Credentials::new(access_key_id, secret_access_key);
        let mut action = bucket.put_object(Some(&credentials), key);
        let checksum = STANDARD.encode(Sha256::digest(bytes));
        action.headers_mut().insert(CHECKSUM, checksum.clone());
        let url = action.sign(std::time::Duration::from_mins(1)).to_string();
        let request = http::Request::put(url).header(CHECKSUM, checksum);
        let answer = exchange(request.body(bytes).unwrap()).unwrap();
        assert!(answer.status.is_success(), "{key}");
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

    /// Waits until nothing of an object is there: an upload that broke off leaves a file for a moment.
    pub fn wait_until_empty(&self) {
        wait_for("a folder without files", || {
            self.files().is_empty().then_some(())
        });
    }

    /// How many requests there were that change nothing.
    pub fn asked(&self) -> usize {
        self.server.requests().len() - self.writes().len()
    }

    /// The requests that change something, in order.
    pub fn writes(&self) -> Vec<SeenRequest> {
        let mut requests = self.server.requests();
        requests.retain(|request| !matches!(request.method.as_str(), "GET" | "HEAD"));
        requests
    }
}

/// A way to storage on which a large upload gets stuck.
pub struct Bottleneck {
    endpoint: String,
    stuck: Receiver<()>,
    released: Arc<AtomicBool>,
}

impl Bottleneck {
    pub fn before(storage: &Storage) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = SockRef::from(&listener);
        socket.set_recv_buffer_size(RECEIVED).unwrap();
        let (sender, stuck) = mpsc::channel();
        let released = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&released);
        let endpoint = relay(storage, listener, move |[client, server], back| {
            let (sender, released) = (sender.clone(), Arc::clone(&shared));
            std::thread::spawn(move || pass(client, server, until_stuck(sender, released)));
            pass_back(back);
        });
        Self {
            endpoint,
            stuck,
            released,
        }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub fn wait_until_stuck(&self) {
        wait_for("an upload that is stuck", || self.stuck.try_recv().ok());
    }

    /// Lets pass what is stuck, and all that comes after it.
    pub fn release(&self) {
        self.released.store(true, Ordering::SeqCst);
    }
}

impl Drop for Bottleneck {
    fn drop(&mut self) {
        self.release();
    }
}

/// Bytes of an upload that pass before it gets stuck.
const PASSED: usize = 1 << 20;
/// Room for more of it in the system, which would otherwise take all.
const RECEIVED: usize = 256 << 10;

/// Holds what comes after [`PASSED`] bytes, for as long as nobody releases it.
fn until_stuck(stuck: Sender<()>, released: Arc<AtomicBool>) -> impl FnMut(&[u8]) -> bool {
    let mut passed = 0;
    move |bytes| {
        let was_stuck = passed > PASSED;
        passed += bytes.len();
        if passed > PASSED && !was_stuck {
            let _ = stuck.send(());
            while !released.load(Ordering::SeqCst) {
                std::thread::park_timeout(std::time::Duration::from_millis(5));
            }
        }
        true
    }
}

/// A way to storage on which the bytes of a GIF are damaged.
pub struct Damaging {
    endpoint: String,
}

impl Damaging {
    pub fn before(storage: &Storage) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = relay(storage, listener, |[client, server], back| {
            std::thread::spawn(move || rewrite(client, server, damaged));
            pass_back(back);
        });
        Self { endpoint }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

fn damaged(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(place) = bytes.windows(6).position(|six| six == b"GIF89a") {
        bytes[place + 6] ^= 1;
    }
    bytes
}

/// Which objects a key may not look at.
#[derive(Debug, Clone, Copy)]
pub enum What {
    /// Those that are not there, as without `s3:ListBucket`.
    Missing,
    /// All, as without `s3:GetObject`, too.
    All,
}

/// A way to storage on which `HEAD` is forbidden.
pub struct Hiding {
    endpoint: String,
}

impl Hiding {
    pub fn before(storage: &Storage, hidden: What) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = relay(storage, listener, move |[client, server], back| {
            let is_head = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&is_head);
            std::thread::spawn(move || {
                pass(client, server, |bytes| {
                    seen.store(bytes.starts_with(b"HEAD "), Ordering::SeqCst);
                    true
                });
            });
            let is_forbidden = move |bytes: &[u8]| {
                let is_missing = bytes.starts_with(b"HTTP/1.1 404 Not Found\r\n");
                is_head.load(Ordering::SeqCst) && (is_missing || matches!(hidden, What::All))
            };
            let [from_server, to_client] = back;
            std::thread::spawn(move || {
                rewrite(from_server, to_client, |bytes| answer(bytes, &is_forbidden));
            });
        });
        Self { endpoint }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

/// The answer, but for its status where it is forbidden.
fn answer(bytes: &[u8], is_forbidden: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    match bytes.windows(2).position(|two| two == b"\r\n") {
        Some(end) if is_forbidden(bytes) => [b"HTTP/1.1 403 Forbidden", &bytes[end..]].concat(),
        _ => bytes.to_vec(),
    }
}

/// The origin of a way to storage, on which `each` connection is handled: where the client's bytes come
/// from and go to, and storage's.
fn relay(
    storage: &Storage,
    listener: TcpListener,
    each: impl Fn([TcpStream; 2], [TcpStream; 2]) + Send + 'static,
) -> String {
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let upstream = storage.endpoint().replace("http://", "");
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(&upstream).unwrap();
            let back = [server.try_clone().unwrap(), client.try_clone().unwrap()];
            each([client, server], back);
        }
    });
    endpoint
}

fn pass_back([from_server, to_client]: [TcpStream; 2]) {
    std::thread::spawn(move || pass(from_server, to_client, |_| true));
}

/// Passes on what `rewritten` makes of each piece.
fn rewrite(mut from: TcpStream, mut to: TcpStream, rewritten: impl Fn(&[u8]) -> Vec<u8>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&rewritten(&buffer[..count])).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}
