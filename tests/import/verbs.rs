//! What was put in is looked at, taken out, and made known where it was there before.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::STORES;
use super::program::{Ended, Workshop};
use crate::harness::images::{gif, hex};
use crate::harness::importer;

/// Imports these images, and tells their ids in the order of their names.
pub(super) fn imported(workshop: &Workshop, names: &[&str]) -> Vec<String> {
    let ids = names.iter().map(|name| {
        let bytes = gif(name, 1000);
        workshop.write(&format!("{name}.gif"), &bytes);
        let sha256 = hex(&Sha256::digest(&bytes));
        Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("sha256:{sha256}").as_bytes()).to_string()
    });
    let ids = ids.collect();
    workshop.import(&[], &[&workshop.images()]).assert_code(0);
    ids
}

pub(super) fn key_of(workshop: &Workshop, id: &str) -> String {
    let records = workshop.app.records();
    records[id]["storage_key"].as_str().unwrap().to_owned()
}

/// The outcome and the reason that were told of an image.
pub(super) fn told(ended: &Ended, id: &str) -> (String, String) {
    let (objects, _) = ended.objects();
    let object = objects.iter().find(|object| object["id"] == id);
    let object = object.unwrap_or_else(|| panic!("nothing is said of {id}: {objects:?}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&object["outcome"]), text(&object["reason"]))
}

#[test]
fn images_as_their_records_say_are_sound_and_what_is_wrong_with_another_is_told() {
    let workshop = Workshop::new();
    let ids = imported(
        &workshop,
        &["sound", "missing", "longer", "swapped", "replaced"],
    );
    workshop.run(&["verify", "--json"]).assert_code(0);
    workshop.run(&["verify", "--deep"]).assert_code(0);
    let objects: Vec<PathBuf> = ids
        .iter()
        .map(|id| workshop.storage.path(&key_of(&workshop, id)))
        .collect();
    std::fs::remove_file(&objects[1]).unwrap();
    std::fs::write(&objects[2], gif("longer", 1001)).unwrap();
    // On the disk, so that storage does not know.
    std::fs::write(&objects[3], gif("other", 1000)).unwrap();
    let replaced = key_of(&workshop, &ids[4]);
    workshop.storage.put(&replaced, &gif("another", 1000));
    let unknown = Uuid::nil().to_string();

    let shallow = workshop.run(&["verify", "--json"]);
    let deep = workshop.run(&["verify", "--json", "--deep"]);
    let named = workshop.run(&["verify", "--json", &ids[0], &unknown]);

    shallow.assert_code(1);
    deep.assert_code(1);
    named.assert_code(1);
    for (ended, id, outcome, reason) in [
        (&shallow, &ids[0], "sound", ""),
        (&shallow, &ids[1], "broken", "has no object images/"),
        (&shallow, &ids[2], "broken", "has an object of 1001 bytes"),
        (&shallow, &ids[3], "sound", ""),
        (&shallow, &ids[4], "broken", "has an object of another hash"),
        (&deep, &ids[0], "sound", ""),
        (&deep, &ids[3], "broken", "has an object of another hash"),
        (&deep, &ids[4], "broken", "has an object of another hash"),
        (&named, &ids[0], "sound", ""),
        (&named, &unknown, "broken", "has no record"),
    ] {
        let (told, said) = told(ended, id);
        assert_eq!(told, outcome, "{id}: {said}");
        assert!(said.starts_with(reason), "{id}: {said}");
    }
    assert_eq!(shallow.count("sound") + shallow.count("broken"), 5);
    assert_eq!(named.count("sound") + named.count("broken"), 2);
}

#[test]
fn what_is_removed_leaves_neither_record_nor_object_nor_entry_of_the_gallery() {
    for store in STORES {
        println!("records in {store:?}:");
        let workshop = Workshop::with_records_in(store);
        let ids = imported(&workshop, &["a", "b", "c"]);
        let keys: Vec<String> = ids.iter().map(|id| key_of(&workshop, id)).collect();
        let unknown = Uuid::nil().to_string();

        let tried = workshop.run(&["remove", "--dry-run", "--json", &ids[0]]);
        assert_eq!((tried.code, tried.count("removed")), (Some(0), 1));
        assert_eq!(workshop.app.records().len(), 3);
        let removed = workshop.run(&["remove", "--json", &ids[0], &ids[1]]);
        let again = workshop.run(&["remove", "--json", &ids[0], &unknown, &ids[2]]);

        removed.assert_code(0);
        assert_eq!(removed.count("removed"), 2);
        again.assert_code(1);
        assert_eq!((again.count("removed"), again.count("absent")), (1, 2));
        assert_eq!(workshop.app.records().len(), 0);
        assert_eq!(workshop.gallery(), Vec::<Value>::new());
        for key in keys {
            assert_eq!(workshop.storage.get(&key), None, "{key}");
        }
    }
}

#[test]
fn an_object_that_another_known_record_uses_stays_until_that_goes_too() {
    let workshop = Workshop::new();
    let ids = imported(&workshop, &["shared"]);
    let (key, bytes) = (key_of(&workshop, &ids[0]), gif("shared", 1000));
    let [second, third] = [Uuid::from_u128(2), Uuid::from_u128(3)].map(|id| id.to_string());
    for id in [&second, &third] {
        write_rows(&workshop, &[row(id, &key, &bytes)]);
        workshop.run(&["records", "rows.jsonl"]).assert_code(0);
    }
    // The second one is known by the gallery, the third by nobody.
    let mut gallery = workshop.gallery();
    let mut entry = gallery[0].clone();
    entry["id"] = second.clone().into();
    gallery.push(entry);
    std::fs::write(workshop.gallery_file(), json!(gallery).to_string()).unwrap();

    workshop.run(&["remove", &ids[0]]).assert_code(0);
    assert_eq!(workshop.storage.get(&key), Some(bytes));
    workshop
        .run(&["remove", "--keep-objects", &third])
        .assert_code(0);
    assert!(workshop.storage.get(&key).is_some());
    workshop.run(&["remove", &second]).assert_code(0);

    assert_eq!(workshop.storage.get(&key), None);
    assert_eq!(workshop.app.records().len(), 0);
}

#[test]
fn a_record_that_cannot_be_used_is_told_and_can_be_removed_beside_others() {
    let workshop = Workshop::new();
    let ids = imported(&workshop, &["good"]);
    let broken = Uuid::from_u128(7).to_string();
    workshop.app.database().run(&format!(
        "INSERT INTO images VALUES ('{broken}', 'k', 'text/html', 'h', 1)"
    ));

    let verified = workshop.run(&["verify", "--json", &broken, &ids[0]]);
    let removed = workshop.run(&["remove", "--json", &broken, &ids[0]]);

    verified.assert_code(1);
    assert_eq!(told(&verified, &broken).0, "broken");
    assert_eq!(told(&verified, &ids[0]).0, "sound");
    removed.assert_code(1);
    let (outcome, reason) = told(&removed, &broken);
    assert_eq!(outcome, "orphaned");
    assert!(reason.contains("its object is not known"), "{reason}");
    assert_eq!(told(&removed, &ids[0]).0, "removed");
    assert_eq!(workshop.app.records().len(), 0);
}

#[test]
fn every_object_that_is_left_without_a_record_is_named() {
    let workshop = Workshop::new();
    let ids = imported(&workshop, &["a", "b", "c"]);
    let keys: Vec<String> = ids.iter().map(|id| key_of(&workshop, id)).collect();
    let words = ["remove", "--json", "--secret-access-key", "wrong"];
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();

    let removed = workshop.run(&[&words, &ids[..]].concat());

    removed.assert_code(1);
    assert_eq!(removed.count("orphaned"), 3);
    for (id, key) in ids.iter().zip(&keys) {
        let (_, reason) = told(&removed, id);
        assert!(reason.contains(key), "{reason}");
        assert!(workshop.storage.get(key).is_some());
    }
    assert_eq!(workshop.app.records().len(), 0);
}

#[test]
fn a_gallery_that_is_not_there_is_not_taken_for_an_empty_one() {
    let workshop = Workshop::new();
    let ids = imported(&workshop, &["a"]);
    for verb in [
        &["verify", "--json"][..],
        &["warm", "--json"],
        &["remove", "--json", &ids[0]],
    ] {
        let words = [verb, &["--gallery", "mistyped.json"]].concat();

        let ended = workshop.run(&words);

        ended.assert_code(1);
        let (_, summary) = ended.objects();
        let reason = summary["reason"].as_str().unwrap();
        assert!(reason.contains("mistyped.json"), "{reason}");
    }
    assert_eq!(workshop.app.records().len(), 1);
}

#[test]
fn a_dry_run_refuses_what_the_application_knows_otherwise_and_counts_copies_once() {
    let workshop = Workshop::new();
    let (bytes, key) = (gif("a", 1000), "elsewhere.gif");
    workshop.write("a.gif", &bytes);
    workshop.write("copy of a.gif", &bytes);
    workshop.storage.put(key, &bytes);

    let import = workshop.import(&["--dry-run", "--json"], &[&workshop.images()]);
    let ids = imported(&workshop, &["a"]);
    let mut other = row(&ids[0], key, &bytes);
    other["hash"] = "another".into();
    write_rows(&workshop, &[other]);
    let records = workshop.run(&["records", "--dry-run", "--json", "rows.jsonl"]);

    assert_eq!((import.count("imported"), import.count("present")), (1, 1));
    records.assert_code(1);
    assert_eq!(records.count("refused"), 1);
}

#[test]
fn what_an_import_is_given_is_not_forgotten_over_another_command() {
    let workshop = Workshop::new();

    for words in [
        &["a.gif", "--json", "verify"][..],
        &["--max-bytes", "1", "warm"],
        &["--allow-type", "image/tiff", "verify"],
    ] {
        let ended = workshop.run(words);

        ended.assert_code(1);
        assert!(ended.stderr.contains("another command"), "{}", ended.stderr);
    }
    // Set for the application, it is not meant for this command.
    let mut command = workshop.command(&["verify", &Uuid::nil().to_string()], &[]);
    command.env("SPIN_VARIABLE_MAX_IMAGE_BYTES", "1");
    let ended = Ended::of(command.output().unwrap());
    assert!(ended.stderr.contains("has no record"), "{}", ended.stderr);
}

pub(super) fn row(id: &str, key: &str, bytes: &[u8]) -> Value {
    json!({
        "id": id, "storage_key": key, "mime_type": "image/gif",
        "hash": hex(&Sha256::digest(bytes)), "size_bytes": bytes.len(),
    })
}

pub(super) fn write_rows(workshop: &Workshop, rows: &[Value]) {
    let lines = rows.iter().map(|row| format!("{row}\n"));
    let file = workshop.folder.path().join("rows.jsonl");
    std::fs::write(file, lines.collect::<String>()).unwrap();
}

#[test]
fn rows_for_objects_that_are_in_the_bucket_become_records() {
    for store in STORES {
        println!("records in {store:?}:");
        let workshop = Workshop::with_records_in(store);
        let bytes = gif("there", 1000);
        let keys = ["cats/1 +%2F.gif", "כלב/a..b.gif", "no suffix"];
        for key in keys {
            workshop.storage.put(key, &bytes);
        }
        let id = |number| Uuid::from_u128(number).to_string();
        let mut rows: Vec<Value> = (1..)
            .zip(keys)
            .map(|(number, key)| row(&id(number), key, &bytes))
            .collect();
        let mut broken = row(&id(7), keys[0], &bytes);
        broken["mime_type"] = "text/html".into();
        rows.extend([
            row(&id(5), "missing", &bytes),
            row(&id(6), keys[0], b"another length"),
            broken,
            json!({"id": "no uuid"}),
        ]);
        write_rows(&workshop, &rows);

        let first = workshop.run(&["records", "--json", "rows.jsonl"]);
        write_rows(&workshop, &rows[..3]);
        let second = workshop.run(&["records", "--json", "rows.jsonl"]);

        first.assert_code(1);
        assert_eq!((first.count("recorded"), first.count("refused")), (3, 4));
        for (number, reason) in [(5, "no object"), (6, "1000 bytes"), (7, "mime_type")] {
            let (outcome, said) = told(&first, &id(number));
            assert_eq!(outcome, "refused");
            assert!(said.contains(reason), "{said}");
        }
        second.assert_code(0);
        assert_eq!(second.count("present"), 3);
        assert_eq!(workshop.app.records().len(), 3);
        let path = format!("/api/v1/images/{}/file", id(1));
        assert_eq!(workshop.app.get(&path).bytes(), bytes);
    }
}

#[test]
fn the_program_alone_fills_an_application_and_empties_it() {
    let workshop = Workshop::new();
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("image-proxy-import");
    // A copy could not be run while a process that another test forks still has it open for writing.
    std::os::unix::fs::symlink(importer(), &program).unwrap();
    workshop.write("a.gif", &gif("a", 1000));
    // With nothing around it but what it is told.
    let run = |arguments: &[&str], paths: &[&Path]| {
        let told = workshop.command_of(&program, arguments, paths);
        let mut command = Command::new(&program);
        command.args(told.get_args()).env_clear();
        command.envs(
            told.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        Ended::of(command.current_dir(home.path()).output().unwrap())
    };

    run(&[], &[&workshop.images()]).assert_code(0);
    let id = workshop.gallery()[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/images/{id}/file");
    let key = key_of(&workshop, &id);
    assert_eq!(workshop.app.get(&path).bytes(), gif("a", 1000));
    run(&["verify", "--deep"], &[]).assert_code(0);
    run(&["remove", &id], &[]).assert_code(0);

    assert_eq!(workshop.app.get(&path).status, 404);
    assert_eq!(workshop.storage.get(&key), None);
}
