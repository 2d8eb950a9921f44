//! `image-proxy-import`: files become objects and records, all or none of each.

mod content;
mod hostile;
mod program;
mod sizes;
mod storage;
mod verbs;
mod warm;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::harness::app::MetadataStore;
use crate::harness::images::{gif, hex};
use crate::harness::process::signal;
use program::{Ended, Workshop};
use storage::{Bottleneck, Damaging, Hiding, What};

/// The application's limit, `max_image_bytes`.
const LIMIT: usize = 52_428_800;
/// The two places where records may be.
const STORES: [MetadataStore; 2] = [MetadataStore::Sqlite, MetadataStore::KeyValue];

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
    assert_eq!(workshop.app.records().len(), 1);
    workshop.assert_objects();
}

/// A link to nowhere: unreadable for whoever runs the test, the superuser too.
fn dangling(workshop: &Workshop) -> PathBuf {
    let link = workshop.images().join("link.png");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    link
}

#[test]
fn a_second_import_changes_nothing_and_says_so() {
    for store in STORES {
        println!("records in {store:?}:");
        let workshop = Workshop::with_records_in(store);
        workshop.write("a.gif", &gif("a", 2000));
        workshop.write("deep/b.gif", &gif("b", 3000));
        workshop.write("deep/copy of a.gif", &gif("a", 2000));

        let first = workshop.import(&[], &[&workshop.images()]);
        let (records, gallery) = (workshop.app.records(), workshop.gallery());
        let written = workshop.storage.writes().len();
        let second = workshop.import(&[], &[&workshop.images()]);

        first.assert_code(0);
        second.assert_code(0);
        assert_eq!(first.last_line(), "2 imported, 1 already there");
        assert_eq!(second.last_line(), "0 imported, 3 already there");
        assert_eq!(workshop.app.records(), records);
        assert_eq!(workshop.gallery(), gallery);
        assert_eq!(workshop.storage.writes().len(), written);
        assert_eq!(records.len(), 2);
        workshop.assert_objects();
    }
}

#[test]
fn an_import_ends_with_the_urls_of_all_images_and_lists_them_for_the_gallery() {
    let workshop = Workshop::new();
    let (a, b) = (gif("a", 2000), gif("b", 3000));
    let file = workshop.write("a.gif", &a);
    workshop.write("b.jpg", &b);
    let path = |bytes: &[u8]| {
        let name = format!("sha256:{}", hex(&Sha256::digest(bytes)));
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes());
        (id.to_string(), format!("/api/v1/images/{id}/file"))
    };

    workshop.import(&[], &[&file]).assert_code(0);
    let origin = "https://images.example/";
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
fn an_image_above_16_mb_arrives_whole_and_in_one_piece_with_its_checksum() {
    let workshop = Workshop::new();
    let bytes = gif("large", 20 * 1024 * 1024 + 7);
    let file = workshop.write("large.gif", &bytes);

    let ended = workshop.import(&["--json"], &[&file]);

    ended.assert_code(0);
    assert_eq!(ended.count("imported"), 1);
    let records = workshop.app.records();
    let key = records.values().next().unwrap()["storage_key"].as_str();
    assert!(
        workshop.storage.get(key.unwrap()).unwrap() == bytes,
        "other bytes than those of the file"
    );
    let writes = workshop.storage.writes();
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert!(workshop.storage.has_checksum(key.unwrap(), &bytes));
}

#[test]
fn a_file_that_changes_while_it_is_imported_becomes_no_record() {
    let workshop = Workshop::new();
    let bottleneck = Bottleneck::before(&workshop.storage);
    let bytes = gif("before", 20 * 1024 * 1024);
    let file = workshop.write("large.gif", &bytes);
    let import = workshop.begin(&["--json", "--endpoint", bottleneck.endpoint()], &[&file]);

    bottleneck.wait_until_stuck();
    std::fs::write(&file, gif("after", bytes.len())).unwrap();
    bottleneck.release();
    let ended = Ended::of(import.wait_with_output().unwrap());

    ended.assert_code(1);
    let reason = ended.objects().0[0]["reason"].clone();
    assert_eq!(reason, "changed while it was imported");
    assert_eq!(workshop.app.records().len(), 0);
    workshop.storage.wait_until_empty();
}

#[test]
fn an_upload_that_is_damaged_on_the_way_is_refused() {
    let workshop = Workshop::new();
    let way = Damaging::before(&workshop.storage);
    workshop.write("a.gif", &gif("a", 5000));

    let ended = workshop.import(&["--endpoint", way.endpoint()], &[&workshop.images()]);

    ended.assert_code(1);
    assert!(ended.stderr.contains("BadDigest"), "{}", ended.stderr);
    assert_eq!(workshop.app.records().len(), 0);
}

#[test]
fn an_image_above_the_limit_of_the_application_is_refused() {
    let workshop = Workshop::new();
    workshop.write("at the limit.gif", &gif("at the limit", LIMIT));
    workshop.write("above.gif", &gif("above", LIMIT + 1));

    let ended = workshop.import(&["--json"], &[&workshop.images()]);

    ended.assert_code(1);
    assert_eq!([ended.count("imported"), ended.count("refused")], [1, 1]);
    workshop.assert_objects();
}

#[test]
fn storage_may_be_told_the_bucket_by_its_host() {
    let workshop = Workshop::new();
    let bytes = gif("a", 2000);
    let file = workshop.write("a.gif", &bytes);
    // Nobody has to know this host: whatever its name, requests go this way.
    let way = workshop.storage.virtual_hosted_endpoint();
    let endpoint = "http://pictures.storage.example";

    let ended = Ended::of(
        workshop
            .command(
                &["--addressing-style", "virtual", "--endpoint", endpoint],
                &[&file],
            )
            .env("http_proxy", way)
            .env("no_proxy", "127.0.0.1")
            .output()
            .unwrap(),
    );

    ended.assert_code(0);
    workshop.assert_objects();
    assert_eq!(workshop.app.records().len(), 1);
}

#[test]
fn a_dry_run_tells_what_an_import_would_do_and_changes_nothing() {
    let workshop = Workshop::new();
    let first = workshop.write("a.gif", &gif("a", 2000));
    let try_all = || workshop.import(&["--dry-run"], &[&workshop.images()]);

    let before = try_all();
    assert!(!workshop.gallery_file().exists());
    workshop.import(&[], &[&first]).assert_code(0);
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
    assert_eq!(workshop.app.records().len(), 1);
    assert_eq!(workshop.gallery().len(), 1);
    assert_eq!(workshop.storage.writes().len(), writes);
}

#[test]
fn storage_or_an_application_that_cannot_be_used_ends_an_import_without_a_record() {
    let workshop = Workshop::new();
    let file = workshop.write("a.gif", &gif("a", 2000));

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let nobody = format!("http://{}", nobody.unwrap());
    for (option, value, said) in [
        ("--secret-access-key", "wrong", "403"),
        ("--endpoint", &nobody, "cannot reach the bucket"),
        ("--records", &nobody, "cannot reach the application"),
        (
            "--records-token",
            "another-token-of-tests",
            "IMAGE_PROXY_RECORDS_TOKEN",
        ),
    ] {
        let ended = workshop.import(&["--json", option, value], &[&file]);

        ended.assert_code(1);
        assert_eq!(ended.count("left_out"), 1);
        let error = ended.stderr;
        assert!(error.contains("a.gif") && error.contains(said), "{error}");
        assert_eq!(workshop.app.records().len(), 0);
    }
}

#[test]
fn an_import_of_2000_files_interrupted_anywhere_and_resumed_loses_and_doubles_nothing() {
    const FILES: usize = 2000;
    for store in STORES {
        let workshop = Workshop::with_records_in(store);
        let mut hashes = BTreeSet::new();
        for number in 0..FILES {
            let bytes = gif(&format!("image {number}"), 100 + number);
            hashes.insert(hex(&Sha256::digest(&bytes)));
            workshop.write(&format!("{}/{number}.gif", number % 7), &bytes);
        }
        // Not the last files: they are under way before anybody has read of those before them.
        let point = 1 + usize::try_from(Uuid::new_v4().as_u128() % 1400).unwrap();
        println!("records in {store:?}, interrupted after {point} files");

        let interrupted = workshop.interrupted_after(point);
        let told = assert_interrupted(&interrupted, FILES);
        workshop.assert_objects();
        assert_eq!(workshop.app.records().len(), told);
        assert_eq!(workshop.gallery().len(), told);

        let resumed = workshop.import(&["--json"], &[&workshop.images()]);
        resumed.assert_code(0);
        assert_eq!(resumed.count("present"), told as u64);
        assert_eq!(resumed.count("imported"), (FILES - told) as u64);
        workshop.assert_objects();
        let records = workshop.app.records();
        let recorded: BTreeSet<_> = records
            .values()
            .map(|record| record["hash"].as_str().unwrap().to_owned())
            .collect();
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
fn an_interrupted_upload_leaves_neither_object_nor_record() {
    let workshop = Workshop::new();
    let bottleneck = Bottleneck::before(&workshop.storage);
    workshop.write("large.gif", &gif("large", 20 * 1024 * 1024));
    let process = workshop.begin(
        &["--json", "--endpoint", bottleneck.endpoint()],
        &[&workshop.images()],
    );

    bottleneck.wait_until_stuck();
    signal(process.id(), "INT");
    let ended = Ended::of(process.wait_with_output().unwrap());
    bottleneck.release();

    assert_eq!(assert_interrupted(&ended, 1), 0);
    workshop.storage.wait_until_empty();
    assert_eq!(workshop.app.records().len(), 0);
}

#[test]
fn an_import_that_is_killed_leaves_no_record_without_its_object_and_the_next_completes_it() {
    // More than a pipe that nobody reads holds lines for: the import cannot end before the kill.
    const FILES: usize = 800;
    let workshop = Workshop::new();
    for number in 0..FILES {
        workshop.write(&format!("{number}.gif"), &gif(&number.to_string(), 5000));
    }

    workshop.killed_after(20);

    let left = workshop.app.records().len();
    assert!((20..FILES).contains(&left), "{left} records");
    workshop.assert_objects();
    let resumed = workshop.import(&["--json"], &[&workshop.images()]);
    resumed.assert_code(0);
    assert_eq!(
        resumed.count("present") + resumed.count("imported"),
        FILES as u64
    );
    assert!(resumed.count("present") >= left as u64);
    assert_eq!(workshop.app.records().len(), FILES);
    assert_eq!(workshop.gallery().len(), FILES);
    workshop.assert_objects();
}

#[test]
fn two_imports_of_one_folder_at_once_are_as_one() {
    const FILES: usize = 200;
    let workshop = Workshop::new();
    for number in 0..FILES {
        workshop.write(&format!("{number}.gif"), &gif(&number.to_string(), 5000));
    }

    let [first, second] = [(); 2].map(|()| workshop.begin(&["--json"], &[&workshop.images()]));
    let ended = [first, second].map(|import| Ended::of(import.wait_with_output().unwrap()));

    for ended in &ended {
        ended.assert_code(0);
        assert_eq!(
            ended.count("imported") + ended.count("present"),
            FILES as u64
        );
    }
    assert_eq!(workshop.app.records().len(), FILES);
    assert_eq!(workshop.gallery().len(), FILES);
    workshop.assert_objects();
}

#[test]
fn a_store_that_is_locked_for_a_while_is_waited_for() {
    let workshop = Workshop::new();
    workshop.write("a.gif", &gif("a", 2000));
    let database = workshop.app.database();
    database.run("BEGIN EXCLUSIVE");
    let import = workshop.begin(&["--json"], &[&workshop.images()]);

    // The application itself waits for five seconds, twice.
    workshop.app.log(2);
    database.run("ROLLBACK");
    let ended = Ended::of(import.wait_with_output().unwrap());

    ended.assert_code(0);
    assert_eq!(ended.count("imported"), 1);
    assert!(
        workshop.app.log(2)[0]["cause"]
            .to_string()
            .contains("locked"),
        "it was never locked"
    );
}

#[test]
fn a_key_that_may_not_look_for_objects_imports_them_all_the_same() {
    for hidden in [What::Missing, What::All] {
        let workshop = Workshop::new();
        workshop.write("a.gif", &gif("a", 2000));
        let hiding = Hiding::before(&workshop.storage, hidden);
        let import = || {
            let endpoint = ["--json", "--endpoint", hiding.endpoint()];
            workshop.import(&endpoint, &[&workshop.images()])
        };

        let (first, second) = (import(), import());

        first.assert_code(0);
        assert_eq!(first.count("imported"), 1, "{hidden:?}");
        second.assert_code(0);
        workshop.assert_objects();
        let puts = workshop.storage.writes();
        assert_eq!(puts[0].headers["if-none-match"], "*");
        if let What::Missing = hidden {
            assert_eq!((second.count("present"), puts.len()), (1, 1));
        }
    }
}

#[test]
fn a_file_name_cannot_steer_a_terminal() {
    let workshop = Workshop::new();
    let names = ["a\u{1b}[31m.gif", "b\r\nc.gif", "d\u{202e}fig.txt"];
    for (name, bytes) in names.iter().zip([&gif("a", 100)[..], b"", b"text"]) {
        workshop.write(name, bytes);
    }

    let ended = workshop.import(&[], &[&workshop.images()]);

    let said = format!("{}{}", ended.stdout, ended.stderr);
    for shown in ["a\\u{1b}[31m.gif", "b\\r\\nc.gif", "d\\u{202e}fig.txt"] {
        assert!(said.contains(shown), "{said}");
    }
    for steering in ['\u{1b}', '\r', '\u{202e}'] {
        assert!(!said.contains(steering), "{said:?}");
    }
}

#[test]
fn a_file_name_that_is_no_text_is_told_as_far_as_it_is() {
    let workshop = Workshop::new();
    workshop.write("a.gif", &gif("a", 100));
    let name = OsStr::from_bytes(b"b\xff.gif");
    std::fs::write(workshop.images().join(name), gif("b", 100)).unwrap();

    for arguments in [&["--json"][..], &[]] {
        let ended = workshop.import(arguments, &[&workshop.images()]);

        ended.assert_code(0);
        assert!(ended.stdout.contains("b\u{fffd}.gif"), "{}", ended.stdout);
    }
    assert_eq!(workshop.app.records().len(), 2);
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_is_done() {
    let workshop = Workshop::new();
    let file = workshop.write("a.gif", &gif("a", 2000));
    for (arguments, code, said) in [
        (&["--parallel=0"][..], 2, "1 to 64"),
        (&["--endpoint=ftp://s3.example"], 1, "ftp"),
        (&["--bucket=No Bucket"], 1, "--bucket 'No Bucket'"),
        (&["--records=redis://127.0.0.1"], 1, "redis"),
        (&["--records=postgres://user:secret@db"], 1, "postgres"),
        (&["--records=https://user:secret@db"], 1, "password"),
        (&["--records=images.db"], 1, "not a URL"),
        (
            &["--endpoint=http://s3.example/prefix"],
            1,
            "without a path",
        ),
        (&["--addressing-style=host"], 1, "path or virtual"),
        (&["--max-bytes=50MB"], 1, "a number of bytes"),
        (&["--records-token=a secret\nin lines"], 1, "visible ASCII"),
        (&["--database=images.db"], 2, "--database"),
        (&["--allow-type=image/nonsense"], 1, "image/nonsense"),
        (&["--records-token="], 1, "IMAGE_PROXY_RECORDS_TOKEN"),
    ] {
        let ended = workshop.import(arguments, &[&file]);

        ended.assert_code(code);
        assert_eq!(ended.stdout, "", "{arguments:?}");
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        for hidden in ["panicked", "secret"] {
            assert!(!ended.stderr.contains(hidden), "{}", ended.stderr);
        }
        assert_eq!(workshop.storage.writes().len(), 0);
    }
}

#[test]
fn a_reader_that_has_had_enough_ends_it_quietly() {
    let workshop = Workshop::new();
    for number in 0..50 {
        workshop.write(&format!("{number}.gif"), &gif(&number.to_string(), 100));
    }
    for arguments in [&["--json"][..], &[]] {
        let mut import = workshop.begin(arguments, &[&workshop.images()]);

        drop(import.stdout.take());
        let ended = Ended::of(import.wait_with_output().unwrap());

        assert_eq!((ended.code, ended.stderr.as_str()), (Some(141), ""));
        workshop.assert_objects();
    }
}
