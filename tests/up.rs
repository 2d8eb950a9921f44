//! `cargo xtask up`: from a checkout to pictures in the browser, in a folder of the test's own.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use http::Request;
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::harness::response::{Response, send};
use crate::harness::{root, wait_for};

/// The sample images by file name, and their types.
const SAMPLES: [(&str, &str); 6] = [
    ("landscape.jpg", "image/jpeg"),
    ("mandelbrot.png", "image/png"),
    ("orbits.gif", "image/gif"),
    ("plasma.webp", "image/webp"),
    ("rosette.svg", "image/svg+xml"),
    ("sunset.jpg", "image/jpeg"),
];

/// One of the images that `up` offers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Offer {
    id: String,
    url: String,
    file: PathBuf,
    mime_type: String,
}

/// A running `up`.
struct Up {
    process: Child,
    offers: Vec<Offer>,
    storage: String,
    stdout: JoinHandle<()>,
    /// Ends with the last process that holds it open.
    stderr: JoinHandle<String>,
}

impl Up {
    /// Starts it on free ports and waits until it offers images.
    fn start(data: &Path, metadata: &str) -> Self {
        let any_port = "127.0.0.1:0";
        let mut process = Command::new(xtask())
            .args(["up", "--listen", any_port, "--storage", any_port])
            .args(["--metadata", metadata, "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = process.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });

        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut before = Vec::new();
        for line in lines.by_ref().map_while(Result::ok) {
            if line == "Ctrl-C stops everything." {
                break;
            }
            before.push(line);
        }
        let Some(storage) = before.iter().find_map(|line| storage_in(line)) else {
            let errors = stderr.join().unwrap();
            panic!("up ended early: {}\n{errors}", before.join("\n"));
        };
        Self {
            process,
            offers: before.iter().filter_map(|line| offer_in(line)).collect(),
            storage,
            // Read all the while, so that it never waits for its reader.
            stdout: std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop)),
            stderr,
        }
    }

    /// The file name and type of each image.
    fn names_and_types(&self) -> Vec<(&str, &str)> {
        self.offers.iter().map(Offer::name_and_type).collect()
    }

    /// The id of each image.
    fn ids(&self) -> Vec<String> {
        self.offers.iter().map(|offer| offer.id.clone()).collect()
    }

    /// The addresses that it listens on: the application's and storage's.
    fn addresses(&self) -> [String; 2] {
        let application = self.offers[0].url.split('/').nth(2).unwrap();
        [application.to_owned(), self.storage.clone()]
    }

    /// Stops it as Ctrl-C does. Returns once every process that it started is gone too: each of them
    /// holds its standard error open.
    fn interrupt(mut self) -> ExitStatus {
        interrupt(&self.process);
        let status = wait_for("the end of up", || self.process.try_wait().unwrap());
        wait_for("the end of its processes", || {
            (self.stdout.is_finished() && self.stderr.is_finished()).then_some(())
        });
        status
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            interrupt(&self.process);
            wait_for("the end of up", || self.process.try_wait().unwrap());
        }
    }
}

impl Offer {
    fn name_and_type(&self) -> (&str, &str) {
        let name = self.file.file_name().unwrap().to_str().unwrap();
        (name, &self.mime_type)
    }

    fn get(&self) -> Response {
        send(Request::get(&self.url).body(()).unwrap()).unwrap()
    }
}

/// The project's own commands: `IMAGE_PROXY_XTASK`, or what `cargo xtask` itself has built.
fn xtask() -> PathBuf {
    std::env::var_os("IMAGE_PROXY_XTASK")
        .map_or_else(|| root().join("target/release/xtask"), PathBuf::from)
}

/// `  http://127.0.0.1:3000/api/v1/images/<id>/file   examples/images/orbits.gif (image/gif, 242 kB)`
fn offer_in(line: &str) -> Option<Offer> {
    let (url, what) = line.trim().split_once("   ")?;
    let id = url.strip_suffix("/file")?.rsplit('/').next()?;
    let (file, what) = what.rsplit_once(" (")?;
    let (mime_type, _size) = what.split_once(", ")?;
    Some(Offer {
        id: id.to_owned(),
        url: url.to_owned(),
        file: file.into(),
        mime_type: mime_type.to_owned(),
    })
}

/// `Objects are in storage at http://127.0.0.1:9000, records in .spin/sqlite_db.db.`
fn storage_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("storage at http://")?;
    Some(rest.split_once(',')?.0.to_owned())
}

fn interrupt(process: &Child) {
    let status = Command::new("kill")
        .args(["-INT", &process.id().to_string()])
        .status();
    assert!(status.is_ok_and(|status| status.success()), "up is gone");
}

/// Asserts that the answer is the file, under the contract's headers.
#[track_caller]
fn assert_serves(offer: &Offer) {
    let file = std::fs::read(&offer.file).unwrap();
    let sha256 = Sha256::digest(&file)
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));

    let response = offer.get();

    assert_eq!(response.status, 200, "{offer:?}");
    assert_eq!(response.headers["content-type"], offer.mime_type.as_str());
    assert_eq!(response.headers["etag"], format!("\"{sha256}\"").as_str());
    assert_eq!(
        response.headers["cache-control"],
        "public, max-age=31536000, immutable"
    );
    assert!(response.bytes() == file, "other bytes than {offer:?}");
}

/// How many records are kept under `data`.
fn records(data: &Path, metadata: &str) -> i64 {
    let (file, table) = match metadata {
        "sqlite" => (".spin/sqlite_db.db", "images"),
        _ => (".spin/sqlite_key_value.db", "spin_key_value"),
    };
    Connection::open(data.join(file))
        .unwrap()
        .query_one(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get(0)
        })
        .unwrap()
}

#[test]
fn cargo_xtask_up_serves_every_sample_image() {
    let data = TempDir::new().unwrap();
    for metadata in ["sqlite", "key-value"] {
        println!("records in {metadata}:");
        let up = Up::start(data.path(), metadata);
        let ids = up.ids();
        let addresses = up.addresses();

        assert_eq!(up.names_and_types(), SAMPLES);
        for offer in &up.offers {
            assert_serves(offer);
        }
        assert_eq!(up.interrupt().code(), Some(0));
        for address in addresses {
            assert!(
                TcpStream::connect(&address).is_err(),
                "{address} still answers"
            );
        }

        let again = Up::start(data.path(), metadata);
        assert_eq!(again.ids(), ids);
        assert_serves(&again.offers[0]);
        assert_eq!(again.interrupt().code(), Some(0));
        assert_eq!(records(data.path(), metadata), 6);
    }
}

#[test]
fn two_applications_run_side_by_side_each_with_its_own_data() {
    let (first_data, second_data) = (folder_with_images("first"), folder_with_images("second"));
    let first = Up::start(first_data.path(), "sqlite");
    let second = Up::start(second_data.path(), "sqlite");

    assert_serves(&first.offers[0]);
    assert_serves(&second.offers[0]);
    assert_ne!(first.ids(), second.ids());

    assert_eq!(second.interrupt().code(), Some(0));
    assert_serves(&first.offers[1]);
    assert_eq!(first.interrupt().code(), Some(0));
    assert_eq!(records(first_data.path(), "sqlite"), 6);
    assert_eq!(records(second_data.path(), "sqlite"), 6);
}

/// A data folder with images of its own in place of the samples, which take long to draw.
fn folder_with_images(owner: &str) -> TempDir {
    let data = TempDir::new().unwrap();
    let images = data.path().join("examples/images");
    std::fs::create_dir_all(&images).unwrap();
    for (name, _) in SAMPLES {
        std::fs::write(images.join(name), format!("GIF89a {name} of the {owner}")).unwrap();
    }
    data
}
