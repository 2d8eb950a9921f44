//! A running `cargo xtask up`, and what it says of itself.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use http::Request;

use crate::harness::process::{signal, text_of};
use crate::harness::response::{Response, send};
use crate::harness::{wait_for, xtask};

/// One of the images that `up` offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub id: String,
    pub url: String,
    pub file: PathBuf,
    pub mime_type: String,
}

/// A running `up`.
pub struct Up {
    process: Child,
    pub offers: Vec<Offer>,
    /// Where storage listens, as address and port.
    pub storage: String,
    /// The gallery's origin, if there is a gallery.
    pub gallery: Option<String>,
    stdout: JoinHandle<()>,
    /// Ends with the last process that holds it open.
    stderr: Option<JoinHandle<String>>,
}

impl Up {
    /// Starts it on free ports and waits until it offers images.
    pub fn start(data: &Path, metadata: &str) -> Self {
        Self::start_with(data, metadata, &[])
    }

    /// As `start`, with more arguments.
    pub fn start_with(data: &Path, metadata: &str, arguments: &[&str]) -> Self {
        let mut command = command(data, metadata);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", ":0"]);
        }
        if !arguments.contains(&"--no-gallery") && !arguments.contains(&"--gallery") {
            command.args(["--gallery", "localhost:0"]);
        }
        let mut process = command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = text_of(process.stderr.take().unwrap());

        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut before = Vec::new();
        for line in lines.by_ref().map_while(Result::ok) {
            let is_last =
                line.starts_with("The gallery: ") || line.starts_with("The application: ");
            before.push(line);
            if is_last {
                break;
            }
        }
        let Some(storage) = before.iter().find_map(|line| storage_in(line)) else {
            let errors = stderr.join().unwrap();
            panic!("up ended early: {}\n{errors}", before.join("\n"));
        };
        Self {
            process,
            offers: before.iter().filter_map(|line| offer_in(line)).collect(),
            storage,
            gallery: before.iter().find_map(|line| gallery_in(line)),
            // Read all the while, so that it never waits for its reader.
            stdout: std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop)),
            stderr: Some(stderr),
        }
    }

    /// The file name and type of each image.
    pub fn names_and_types(&self) -> Vec<(&str, &str)> {
        self.offers.iter().map(Offer::name_and_type).collect()
    }

    /// The id of each image.
    pub fn ids(&self) -> Vec<String> {
        self.offers.iter().map(|offer| offer.id.clone()).collect()
    }

    /// The application's origin.
    pub fn api(&self) -> &str {
        let url = &self.offers[0].url;
        &url[..url.find("/api/").unwrap()]
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The addresses that it listens on: the application's, storage's and the gallery's.
    pub fn addresses(&self) -> Vec<String> {
        let origins = [self.api()].into_iter().chain(self.gallery.as_deref());
        origins
            .map(|origin| origin.trim_start_matches("http://"))
            .chain([self.storage.as_str()])
            .map(str::to_owned)
            .collect()
    }

    /// Ends it as nothing can catch, and waits for the end of its processes, each of which holds its
    /// standard error open.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let stderr = self.stderr.take().unwrap();
        wait_for("the end of its processes", || {
            stderr.is_finished().then_some(())
        });
    }

    /// Stops it as Ctrl-C does. Returns once every process that it started is gone too: each of them
    /// holds its standard error open.
    pub fn interrupt(self) -> ExitStatus {
        self.interrupt_and_read().0
    }

    /// As `interrupt`, and tells what it has said on standard error.
    pub fn interrupt_and_read(mut self) -> (ExitStatus, String) {
        signal(self.process.id(), "INT");
        let status = wait_for("the end of up", || self.process.try_wait().unwrap());
        let stderr = self.stderr.take().unwrap();
        wait_for("the end of its processes", || {
            (self.stdout.is_finished() && stderr.is_finished()).then_some(())
        });
        (status, stderr.join().unwrap())
    }
}

/// `up` on a data folder and any free port for storage.
pub fn command(data: &Path, metadata: &str) -> Command {
    let mut command = Command::new(xtask());
    command
        .args(["up", "--storage", "0", "--metadata", metadata, "--data"])
        .arg(data)
        .stdin(Stdio::null());
    command
}

impl Drop for Up {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            signal(self.process.id(), "INT");
            wait_for("the end of up", || self.process.try_wait().unwrap());
        }
    }
}

impl Offer {
    pub fn name_and_type(&self) -> (&str, &str) {
        let name = self.file.file_name().unwrap().to_str().unwrap();
        (name, &self.mime_type)
    }

    pub fn get(&self) -> Response {
        send(Request::get(&self.url).body("").unwrap()).unwrap()
    }
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

/// `The gallery: http://127.0.0.1:4200`
fn gallery_in(line: &str) -> Option<String> {
    let places = line.strip_prefix("The gallery: ")?;
    Some(places.split(',').next()?.to_owned())
}
