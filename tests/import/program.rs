//! The program as a user has it: an application, a storage, a folder of files, and what it says.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::storage::Storage;
use crate::harness::app::{Launch, MetadataStore};
use crate::harness::images::hex;
use crate::harness::process::{peak_resident_bytes, signal, text_of};
use crate::harness::{App, importer};

const TOKEN: &str = "the-token-of-the-import-tests";

/// Storage, files and an application of a test's own.
pub struct Workshop {
    pub storage: Storage,
    pub app: App,
    pub folder: TempDir,
}

/// How a command ended.
pub struct Ended {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Workshop {
    pub fn new() -> Self {
        Self::with_records_in(MetadataStore::Sqlite)
    }

    pub fn with_records_in(store: MetadataStore) -> Self {
        Self::of(|launch| launch.records_in(store))
    }

    /// With an application that is started as the test likes.
    pub fn of(launched: impl FnOnce(Launch) -> Launch) -> Self {
        let storage = Storage::start();
        let launch = Launch::new(
            &storage.endpoint(),
            Storage::BUCKET,
            &Storage::credentials(),
        );
        Self {
            app: launched(launch.variable("records_token", TOKEN)).start(),
            storage,
            folder: TempDir::new().unwrap(),
        }
    }

    /// A folder of images that does not exist until something is written into it.
    pub fn images(&self) -> PathBuf {
        self.folder.path().join("images")
    }

    /// Writes a file among the images.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.images().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, bytes).unwrap();
        file
    }

    /// An import of `paths` by the program of `target/`.
    pub fn command(&self, arguments: &[&str], paths: &[&Path]) -> Command {
        self.command_of(&importer(), arguments, paths)
    }

    /// `program` on the test's storage and application, which are told by variables.
    pub fn command_of(&self, program: &Path, arguments: &[&str], paths: &[&Path]) -> Command {
        let credentials = Storage::credentials();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .args(paths)
            .current_dir(self.folder.path())
            .env("IMAGE_PROXY_RECORDS", self.app.origin())
            .env("IMAGE_PROXY_RECORDS_TOKEN", TOKEN)
            .env("IMAGE_PROXY_GALLERY", self.gallery_file())
            .env("SPIN_VARIABLE_S3_ENDPOINT", self.storage.endpoint())
            .env("SPIN_VARIABLE_S3_BUCKET", Storage::BUCKET)
            .env("SPIN_VARIABLE_S3_ACCESS_KEY_ID", credentials.access_key_id)
            .env(
                "SPIN_VARIABLE_S3_SECRET_ACCESS_KEY",
                credentials.secret_access_key,
            )
            .stdin(Stdio::null());
        command
    }

    /// An import that has begun, and whose output is the test's to read.
    pub fn begin(&self, arguments: &[&str], paths: &[&Path]) -> Child {
        self.command(arguments, paths)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub fn import(&self, arguments: &[&str], paths: &[&Path]) -> Ended {
        Ended::of(self.command(arguments, paths).output().unwrap())
    }

    /// The program with a verb, or with any words.
    pub fn run(&self, words: &[&str]) -> Ended {
        self.import(words, &[])
    }

    /// An import of all images that is interrupted as soon as it has told of so many.
    pub fn interrupted_after(&self, images: usize) -> Ended {
        self.interrupted_with(&["--json"], images)
    }

    /// As `interrupted_after`, with these arguments, `--json` among them.
    pub fn interrupted_with(&self, arguments: &[&str], images: usize) -> Ended {
        let mut process = self.begin(arguments, &[&self.images()]);
        let stderr = text_of(process.stderr.take().unwrap());
        let mut stdout = String::new();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        for _ in 0..images {
            lines.read_line(&mut stdout).unwrap();
        }
        signal(process.id(), "INT");
        lines.read_to_string(&mut stdout).unwrap();
        let status = process.wait().unwrap();
        Ended {
            code: status.code(),
            signal: status.signal(),
            stdout,
            stderr: stderr.join().unwrap(),
        }
    }

    /// An import of all images that is killed as soon as it has told of so many.
    pub fn killed_after(&self, images: usize) {
        let mut process = self.begin(&["--json"], &[&self.images()]);
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let told = lines.by_ref().take(images).map(Result::unwrap).count();
        process.kill().unwrap();
        process.wait().unwrap();
        assert_eq!(told, images);
    }

    /// The largest resident set of an import of all images, in bytes, until it has told of so many: less
    /// than all, so that it is still there.
    pub fn peak_of(&self, arguments: &[&str], images: usize) -> u64 {
        let mut process = self.begin(arguments, &[&self.images()]);
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert_eq!(lines.by_ref().take(images).count(), images);
        let peak = peak_resident_bytes(process.id());
        assert!(lines.all(|line| line.is_ok()));
        assert!(process.wait().unwrap().success());
        peak
    }

    pub fn gallery_file(&self) -> PathBuf {
        self.folder.path().join("gallery.json")
    }

    /// The images of the gallery, in order.
    pub fn gallery(&self) -> Vec<Value> {
        serde_json::from_slice(&std::fs::read(self.gallery_file()).unwrap()).unwrap()
    }

    /// Asserts that the object of each record is there, and is what the record says.
    #[track_caller]
    pub fn assert_objects(&self) {
        for (id, record) in self.app.records() {
            let key = record["storage_key"].as_str().unwrap();
            let bytes = self.storage.get(key).unwrap_or_default();

            assert_eq!(record["size_bytes"], bytes.len(), "{id}: {key}");
            assert_eq!(record["hash"], hex(&Sha256::digest(&bytes)), "{id}: {key}");
        }
    }
}

impl Ended {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The objects of standard output: those of images, and the summary.
    pub fn objects(&self) -> (Vec<Value>, Value) {
        let mut objects: Vec<Value> = self
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let mut summary = objects.pop().unwrap_or_else(|| panic!("{}", self.stderr));
        (objects, summary["summary"].take())
    }

    /// How many images had this outcome.
    pub fn count(&self, outcome: &str) -> u64 {
        self.objects().1[outcome].as_u64().unwrap()
    }

    /// What stands in the last line.
    pub fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }

    #[track_caller]
    pub fn assert_code(&self, code: i32) {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
    }
}
