//! `cargo xtask import`: files become objects and records, all or none of each.

mod hrana;
mod storage;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use uuid::Uuid;

use crate::harness::images::hex;
use crate::harness::process::{signal, text_of};
use crate::harness::xtask;
use hrana::LibSql;
use storage::{Bottleneck, Storage};

/// The application's limit, `max_image_bytes`.
const LIMIT: usize = 52_428_800;

/// Storage, files and records of a test's own.
struct Workshop {
    storage: Storage,
    folder: TempDir,
}

/// How an import ended.
struct Ended {
    code: Option<i32>,
    signal: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Workshop {
    fn new() -> Self {
        Self {
            storage: Storage::start(),
            folder: TempDir::new().unwrap(),
        }
    }

    /// A folder of images that does not exist until something is written into it.
    fn images(&self) -> PathBuf {
        self.folder.path().join("images")
    }

    /// Writes a file among the images.
    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.images().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, bytes).unwrap();
        file
    }

    /// An import of `paths` into the test's storage, which is told by the application's variables.
    fn command(&self, arguments: &[&str], paths: &[&Path]) -> Command {
        let credentials = Storage::credentials();
        let mut command = Command::new(xtask());
        command
            .arg("import")
            .arg("--data")
            .arg(self.folder.path().join("data"))
            .args(arguments)
            .args(paths)
            .env_remove("LIBSQL_AUTH_TOKEN")
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

    fn import(&self, arguments: &[&str], paths: &[&Path]) -> Ended {
        Ended::of(self.command(arguments, paths).output().unwrap())
    }

    /// An import that is interrupted as soon as it has told of so many files.
    fn interrupted_after(&self, files: usize, arguments: &[&str]) -> Ended {
        let mut process = self
            .command(&[&["--json"], arguments].concat(), &[&self.images()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = text_of(process.stderr.take().unwrap());
        let mut stdout = String::new();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        for _ in 0..files {
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

    /// The records by id: storage key, type, hash and size.
    fn records(&self, metadata: &str) -> BTreeMap<String, (String, String, String, u64)> {
        let state = self.folder.path().join("data/.spin");
        let (file, query) = match metadata {
            "sqlite" => (
                "sqlite_db.db",
                "SELECT id, json_object('storage_key', storage_key, 'mime_type', mime_type,
                    'hash', hash, 'size_bytes', size_bytes) FROM images",
            ),
            _ => (
                "sqlite_key_value.db",
                "SELECT substr(key, 7), CAST(value AS TEXT) FROM spin_key_value
                    WHERE store = 'default' AND key LIKE 'image:%'",
            ),
        };
        let connection = Connection::open(state.join(file)).unwrap();
        let mut statement = connection.prepare(query).unwrap();
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        });
        rows.unwrap()
            .map(|row| {
                let (id, record) = row.unwrap();
                let record: Value = serde_json::from_str(&record).unwrap();
                let text = |field: &str| record[field].as_str().unwrap().to_owned();
                let size = record["size_bytes"].as_u64().unwrap();
                (
                    id,
                    (text("storage_key"), text("mime_type"), text("hash"), size),
                )
            })
            .collect()
    }

    /// The ids of the gallery, in order.
    fn gallery(&self) -> Vec<Value> {
        let file = self.folder.path().join("data/.spin/gallery.json");
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    }

    /// Asserts that the object of each record is there, and is what the record says.
    fn assert_objects(&self, metadata: &str) {
        for (id, (key, _, hash, size)) in self.records(metadata) {
            let bytes = self.storage.get(&key).unwrap_or_default();

            assert_eq!(bytes.len() as u64, size, "{id}: {key}");
            assert_eq!(hex(&Sha256::digest(&bytes)), hash, "{id}: {key}");
        }
    }
}

impl Ended {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The objects of standard output: those of files, and the summary.
    fn objects(&self) -> (Vec<Value>, Value) {
        let mut objects: Vec<Value> = self
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let mut summary = objects.pop().unwrap();
        (objects, summary["summary"].take())
    }

    /// How many files had this outcome.
    fn count(&self, outcome: &str) -> u64 {
        self.objects().1[outcome].as_u64().unwrap()
    }

    /// What stands in the last line.
    fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }

    #[track_caller]
    fn assert_code(&self, code: i32) {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
    }
}

/// An image of this length and no other's bytes.
fn gif(name: &str, length: usize) -> Vec<u8> {
    let mut bytes = format!("GIF89a {name} ").into_bytes();
    let mut block = Sha256::digest(&bytes);
    while bytes.len() < length {
        bytes.extend_from_slice(&block);
        block = Sha256::digest(block);
    }
    bytes.truncate(length);
    bytes
}

#[test]
fn every_refusal_is_named_the_rest_is_imported_and_the_exit_code_is_1() {
    let workshop = Workshop::new();
    let good = workshop.write("good.gif", &gif("good", 1000));
    workshop.write("notes.txt", b"no image, in a folder that may hold anything");
    let named = workshop.write("../named.png", b"%PDF-1.7");
    let refused = [
        (workshop.write("empty.png", b""), "is empty"),
        (
            workshop.write("large.gif", &gif("large", 1001)),
            "has 1001 bytes, more than the limit of 1000",
        ),
        (named.clone(), "is not an image of a known type"),
        (
            workshop.folder.path().join("missing.png"),
            "cannot be read: No such file",
        ),
        (dangling(&workshop), "cannot be read: No such file"),
    ];
    let missing = workshop.folder.path().join("missing.png");

    let ended = workshop.import(
        &["--json", "--max-bytes", "1000"],
        &[&missing, &named, &workshop.images()],
    );

    ended.assert_code(1);
    let (objects, summary) = ended.objects();
    for (file, reason) in &refused {
        let object = objects
            .iter()
            .find(|object| object["path"] == *file.to_string_lossy())
            .unwrap_or_else(|| panic!("{} is not named: {objects:?}", file.display()));
        assert_eq!(object["outcome"], "refused", "{object}");
        let said = object["reason"].as_str().unwrap();
        assert!(said.starts_with(reason), "{said}");
        let line = format!("refused: {} {said}\n", file.display());
        assert!(ended.stderr.contains(&line), "{}", ended.stderr);
    }
    assert_eq!(objects.len(), refused.len() + 1);
    let imported: Vec<&Value> = objects
        .iter()
        .filter(|object| object["outcome"] == "imported")
        .map(|object| &object["path"])
        .collect();
    assert_eq!(imported, [&json!(good)]);
    assert_eq!(
        [
            &summary["imported"],
            &summary["refused"],
            &summary["passed_over"],
            &summary["left_out"]
        ],
        [1, 5, 1, 0]
    );
    assert_eq!(workshop.records("sqlite").len(), 1);
    workshop.assert_objects("sqlite");
}

/// A link to nowhere: unreadable for whoever runs the test, the superuser too.
fn dangling(workshop: &Workshop) -> PathBuf {
    let link = workshop.images().join("link.png");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    link
}

#[test]
fn a_second_import_changes_nothing_and_says_so() {
    for metadata in ["sqlite", "key-value"] {
        println!("records in {metadata}:");
        let workshop = Workshop::new();
        workshop.write("a.gif", &gif("a", 2000));
        workshop.write("deep/b.gif", &gif("b", 3000));
        workshop.write("deep/copy of a.gif", &gif("a", 2000));
        let arguments = ["--metadata", metadata];

        let first = workshop.import(&arguments, &[&workshop.images()]);
        let (records, gallery) = (workshop.records(metadata), workshop.gallery());
        let written = workshop.storage.writes().len();
        let second = workshop.import(&arguments, &[&workshop.images()]);

        first.assert_code(0);
        second.assert_code(0);
        assert_eq!(first.last_line(), "2 imported, 1 already there");
        assert_eq!(second.last_line(), "0 imported, 3 already there");
        assert_eq!(workshop.records(metadata), records);
        assert_eq!(workshop.gallery(), gallery);
        assert_eq!(workshop.storage.writes().len(), written);
        assert_eq!(records.len(), 2);
        workshop.assert_objects(metadata);
    }
}

#[test]
fn an_import_ends_with_the_urls_of_all_images_and_lists_them_for_the_gallery() {
    let workshop = Workshop::new();
    let (a, b) = (gif("a", 2000), gif("b", 3000));
    let file = workshop.write("a.gif", &a);
    workshop.write("b.jpg", &b);
    let origin = "https://images.example/";
    let path = |bytes: &[u8]| {
        let name = format!("sha256:{}", hex(&Sha256::digest(bytes)));
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes());
        (id.to_string(), format!("/api/v1/images/{id}/file"))
    };

    workshop.import(&[], &[&file]).assert_code(0);
    let ended = workshop.import(&["--origin", origin], &[&workshop.images()]);

    let lines: Vec<&str> = ended.stdout.lines().collect();
    let [(a_id, a_path), (b_id, b_path)] = [path(&a), path(&b)];
    assert_eq!(lines.len(), 3, "{}", ended.stdout);
    for (line, outcome, path) in [
        (lines[0], "present", &a_path),
        (lines[1], "imported", &b_path),
    ] {
        assert!(line.starts_with(outcome), "{line}");
        assert!(
            line.contains(&format!("  https://images.example{path}  ")),
            "{line}"
        );
    }
    let gallery = workshop.gallery();
    assert_eq!(gallery.len(), 2);
    for (entry, id, url, name, size) in [
        (&gallery[0], a_id, a_path, "a.gif", 2000),
        (&gallery[1], b_id, b_path, "b.jpg", 3000),
    ] {
        assert_eq!(
            [
                &entry["id"],
                &entry["url"],
                &entry["name"],
                &entry["mime_type"]
            ],
            [&id, &url, name, "image/gif"]
        );
        assert_eq!(entry["size_bytes"], size);
    }
}

#[test]
fn an_image_above_16_mb_arrives_whole_and_in_parts() {
    let workshop = Workshop::new();
    let bytes = gif("large", 20 * 1024 * 1024 + 7);
    let file = workshop.write("large.gif", &bytes);

    let ended = workshop.import(&["--json"], &[&file]);

    ended.assert_code(0);
    assert_eq!(ended.count("imported"), 1);
    let records = workshop.records("sqlite");
    let (key, ..) = records.values().next().unwrap();
    assert!(
        workshop.storage.get(key).unwrap() == bytes,
        "other bytes than those of the file"
    );
    let writes = workshop.storage.writes();
    let parts = writes
        .iter()
        .filter(|write| write.path_and_query.contains("partNumber="));
    assert_eq!(parts.count(), 3);
}

#[test]
fn an_image_above_the_limit_of_the_application_is_refused() {
    let workshop = Workshop::new();
    workshop.write("at the limit.gif", &gif("at the limit", LIMIT));
    workshop.write("above.gif", &gif("above", LIMIT + 1));

    let ended = workshop.import(&["--json"], &[&workshop.images()]);

    ended.assert_code(1);
    assert_eq!([ended.count("imported"), ended.count("refused")], [1, 1]);
    workshop.assert_objects("sqlite");
}

#[test]
fn storage_may_be_told_the_bucket_by_its_host() {
    let workshop = Workshop::new();
    let bytes = gif("a", 2000);
    let file = workshop.write("a.gif", &bytes);
    let endpoint = workshop.storage.virtual_hosted_endpoint();

    let ended = workshop.import(
        &["--addressing-style", "virtual", "--endpoint", &endpoint],
        &[&file],
    );

    ended.assert_code(0);
    workshop.assert_objects("sqlite");
    assert_eq!(workshop.records("sqlite").len(), 1);
}

#[test]
fn a_dry_run_tells_what_an_import_would_do_and_changes_nothing() {
    for metadata in ["sqlite", "key-value"] {
        println!("records in {metadata}:");
        let workshop = Workshop::new();
        let first = workshop.write("a.gif", &gif("a", 2000));
        let try_all = || {
            workshop.import(
                &["--metadata", metadata, "--dry-run"],
                &[&workshop.images()],
            )
        };

        let before = try_all();
        assert!(!workshop.folder.path().join("data").exists());
        workshop
            .import(&["--metadata", metadata], &[&first])
            .assert_code(0);
        workshop.write("b.gif", &gif("b", 3000));
        let writes = workshop.storage.writes().len();
        let after = try_all();

        before.assert_code(0);
        after.assert_code(0);
        let nothing = "dry run, nothing was changed:";
        assert_eq!(
            before.last_line(),
            format!("{nothing} 1 imported, 0 already there")
        );
        assert_eq!(
            after.last_line(),
            format!("{nothing} 1 imported, 1 already there")
        );
        assert_eq!(workshop.records(metadata).len(), 1);
        assert_eq!(workshop.gallery().len(), 1);
        assert_eq!(workshop.storage.writes().len(), writes);
    }
}

#[test]
fn storage_that_cannot_be_used_ends_an_import_without_a_record() {
    let workshop = Workshop::new();
    let file = workshop.write("a.gif", &gif("a", 2000));

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let nobody = format!("http://{}", nobody.unwrap());
    for (option, value, said) in [
        ("--secret-access-key", "wrong", "403"),
        ("--endpoint", &nobody, "cargo xtask up"),
    ] {
        let ended = workshop.import(&["--json", option, value], &[&file]);

        ended.assert_code(1);
        assert_eq!(ended.count("left_out"), 1);
        let error = ended.stderr;
        assert!(error.contains("a.gif") && error.contains(said), "{error}");
        assert_eq!(workshop.records("sqlite").len(), 0);
    }
}

#[test]
fn an_import_of_2000_files_interrupted_anywhere_and_resumed_loses_and_doubles_nothing() {
    const FILES: usize = 2000;
    for metadata in ["sqlite", "key-value"] {
        let workshop = Workshop::new();
        let mut hashes = BTreeSet::new();
        for number in 0..FILES {
            let bytes = gif(&format!("image {number}"), 100 + number);
            hashes.insert(hex(&Sha256::digest(&bytes)));
            workshop.write(&format!("{}/{number}.gif", number % 7), &bytes);
        }
        // Not the last files: they are under way before anybody has read of those before them.
        let point = 1 + usize::try_from(Uuid::new_v4().as_u128() % 1400).unwrap();
        println!("records in {metadata}, interrupted after {point} files");
        let arguments = ["--metadata", metadata];

        let interrupted = workshop.interrupted_after(point, &arguments);
        let told = assert_interrupted(&interrupted, FILES);
        workshop.assert_objects(metadata);
        assert_eq!(workshop.records(metadata).len(), told);
        assert_eq!(workshop.gallery().len(), told);

        let resumed = workshop.import(
            &[&["--json"], &arguments[..]].concat(),
            &[&workshop.images()],
        );
        resumed.assert_code(0);
        assert_eq!(resumed.count("present"), told as u64);
        assert_eq!(resumed.count("imported"), (FILES - told) as u64);
        workshop.assert_objects(metadata);
        let records = workshop.records(metadata);
        let recorded: BTreeSet<String> = records.into_values().map(|record| record.2).collect();
        assert!(recorded == hashes, "other images than those of the files");
        assert_eq!(workshop.gallery().len(), FILES);
    }
}

/// Asserts that an interrupted import says so, and returns of how many images it told.
#[track_caller]
fn assert_interrupted(ended: &Ended, files: usize) -> usize {
    assert_eq!(ended.signal, None, "ended by the signal itself");
    ended.assert_code(130);
    let (objects, summary) = ended.objects();
    assert_eq!(summary["imported"], objects.len());
    assert_eq!(summary["left_out"], files - objects.len());
    assert_eq!(summary["reason"], "interrupted");
    assert!(objects.len() < files, "too late to interrupt anything");
    objects.len()
}

#[test]
fn an_interrupted_upload_in_parts_leaves_neither_object_nor_parts_nor_record() {
    let workshop = Workshop::new();
    let bottleneck = Bottleneck::before(&workshop.storage);
    workshop.write("large.gif", &gif("large", 20 * 1024 * 1024));
    let process = workshop
        .command(
            &["--json", "--endpoint", bottleneck.endpoint()],
            &[&workshop.images()],
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    bottleneck.wait_until_stuck();
    signal(process.id(), "INT");
    let ended = Ended::of(process.wait_with_output().unwrap());

    assert_eq!(assert_interrupted(&ended, 1), 0);
    let last = workshop.storage.writes().pop().unwrap();
    assert_eq!(last.method, "DELETE", "{last:?}");
    let files = workshop.storage.files();
    assert!(files.is_empty(), "{files:?}");
    assert_eq!(workshop.records("sqlite").len(), 0);
}

#[test]
fn records_go_to_a_libsql_server_with_its_token() {
    let server = LibSql::start("the-token");
    let workshop = Workshop::new();
    workshop.write("a.gif", &gif("a", 2000));
    workshop.write("b.gif", &gif("b", 3000));
    let arguments = ["--json", "--database", server.url()];
    let import = |token: &str| {
        Ended::of(
            workshop
                .command(&arguments, &[&workshop.images()])
                .env("LIBSQL_AUTH_TOKEN", token)
                .output()
                .unwrap(),
        )
    };

    let refused = import("another-token");
    let first = import("the-token");
    let second = import("the-token");

    refused.assert_code(1);
    assert!(refused.stderr.contains("401"), "{}", refused.stderr);
    first.assert_code(0);
    assert_eq!(first.count("imported"), 2);
    second.assert_code(0);
    assert_eq!(second.count("present"), 2);
    assert_eq!(server.count("SELECT count(*) FROM images"), 2);
    assert!(
        !workshop
            .folder
            .path()
            .join("data/.spin/sqlite_db.db")
            .exists()
    );
}

#[test]
fn a_record_that_a_libsql_server_refuses_is_told_and_undone() {
    let server = LibSql::start("the-token");
    server.run(
        "CREATE TABLE images (id TEXT NOT NULL PRIMARY KEY, storage_key TEXT, mime_type TEXT,
            hash TEXT, size_bytes INTEGER CHECK (size_bytes < 1000))",
    );
    let workshop = Workshop::new();
    let file = workshop.write("a.gif", &gif("a", 2000));

    let ended = workshop.import(
        &["--database", server.url(), "--database-token", "the-token"],
        &[&file],
    );

    ended.assert_code(1);
    assert!(ended.stderr.contains("CHECK"), "{}", ended.stderr);
    assert_eq!(server.count("SELECT count(*) FROM images"), 0);
}

#[test]
fn an_option_that_makes_no_sense_is_refused_before_anything_is_done() {
    let workshop = Workshop::new();
    let file = workshop.write("a.gif", &gif("a", 2000));
    for (arguments, code, said) in [
        (
            ["--metadata=key-value", "--database=http://127.0.0.1:1"],
            1,
            "libSQL",
        ),
        (["--parallel=0", "--json"], 2, "1 to 64"),
        (["--endpoint=ftp://s3.example", "--json"], 1, "ftp://"),
    ] {
        let ended = workshop.import(&arguments, &[&file]);

        ended.assert_code(code);
        assert_eq!(ended.stdout, "", "{arguments:?}");
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        assert_eq!(workshop.storage.writes().len(), 0);
    }
}
