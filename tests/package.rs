//! `cargo xtask package`: what a release carries, and how far one gets with it where there is no checkout and
//! no Rust.

mod commands;
mod unpacked;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use toml::{Table, Value};

use crate::harness::images::{gif, hex};
use crate::harness::{Storage, default_wasm, host, importer, root};
use commands::{Shell, block, blocks, served_after, until_ready};
use unpacked::{Packed, pack};

/// What every archive has, beside its own README and what `--programs` adds. The licences of others are there
/// where cargo-about has gathered them.
const FILES: [&str; 11] = [
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "deploy/one-machine/Caddyfile",
    "deploy/one-machine/image-proxy.service",
    "deploy/one-machine/nginx.conf",
    "image_proxy.wasm",
    "migrations/0001_images.sql",
    "runtime-config.toml",
    "spin.toml",
];
const PROGRAMS: [&str; 3] = [
    "image-proxy-embedded-storage",
    "image-proxy-host",
    "image-proxy-import",
];
const LICENCES_OF_OTHERS: &str = "THIRD-PARTY-LICENSES.txt";

/// For which machine the README's archive is.
const README_TRIPLE: &str = "x86_64-unknown-linux-musl";

#[test]
fn an_archive_has_the_component_and_what_belongs_to_it_as_the_repository_has_them() {
    let packed = pack(&[]);

    let unpacked = packed.unpack_the_only_one();

    let mut names = unpacked.files();
    names.remove(LICENCES_OF_OTHERS);
    assert_eq!(names, BTreeSet::from(FILES.map(str::to_owned)));
    assert_eq!(unpacked.name, format!("image-proxy-{}", version()));
    assert!(
        unpacked.bytes("image_proxy.wasm") == fs::read(default_wasm()).unwrap(),
        "another component than the one that was built"
    );
    for name in FILES {
        if !["README.md", "image_proxy.wasm", "spin.toml"].contains(&name) {
            let own = fs::read(root().join(name)).unwrap();
            assert!(unpacked.bytes(name) == own, "{name} is another");
        }
    }
}

#[test]
fn the_manifest_of_an_archive_differs_in_where_the_component_is_and_has_nothing_that_builds_it() {
    let packed = pack(&[]);

    let text = packed.unpack_the_only_one().text("spin.toml");

    let own = fs::read_to_string(root().join("spin.toml")).unwrap();
    let mut expected: Table = toml::from_str(&own).unwrap();
    let component = expected["component"]["image-proxy"].as_table_mut().unwrap();
    assert!(component.remove("build").is_some());
    assert!(component.remove("tool").is_some());
    let source = component.insert("source".into(), Value::from("image_proxy.wasm"));
    assert!(source.is_some());
    assert_eq!(toml::from_str::<Table>(&text).unwrap(), expected);
    let comments = own.lines().filter(|line| line.starts_with('#'));
    for comment in comments {
        assert!(text.contains(comment), "{comment} is gone");
    }
}

#[test]
fn no_text_of_an_archive_tells_of_the_machine_that_packed_it() {
    let packed = pack(&[]);
    let unpacked = packed.unpack_the_only_one();
    let checkout = root().to_str().unwrap();

    for name in unpacked.files() {
        if name != "image_proxy.wasm" {
            let text = unpacked.text(&name);
            for path in [checkout, "/.cargo/", "target/wasm32"] {
                assert!(!text.contains(path), "{name} tells of {path}");
            }
        }
    }
    for line in packed.listing().lines() {
        assert!(line.contains(" 0/0 "), "another owner than 0: {line}");
        assert!(line.contains(" 2001-09-09 01:46"), "another date: {line}");
        assert!(
            line.starts_with("-rw-r--r--") || line.starts_with("drwxr-xr-x"),
            "{line}"
        );
    }
}

#[test]
fn packing_twice_gives_the_same_bytes_in_the_same_order() {
    let (first, second) = (pack(&[]), pack(&[]));

    let [one] = &first.archives()[..] else {
        panic!("not one archive");
    };
    let again = second.folder().join(one.file_name().unwrap());
    assert!(
        fs::read(one).unwrap() == fs::read(again).unwrap(),
        "other bytes"
    );
    let listing = first.listing();
    let names: Vec<_> = listing
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(_, name)| name)
        .collect();
    assert!(names.len() > FILES.len());
    assert!(names.is_sorted(), "{names:?}");
}

#[test]
fn the_checksums_are_those_of_all_files_beside_them() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("another.tar.gz"), "of another machine").unwrap();

    let packed = Packed::into(folder, &[]);

    let archives = packed.archives();
    assert_eq!(archives.len(), 2);
    let lines = archives.iter().map(|archive| {
        let sum = hex(&Sha256::digest(fs::read(archive).unwrap()));
        let name = archive.file_name().unwrap().to_str().unwrap();
        format!("{sum}  {name}\n")
    });
    let expected: String = lines.collect();
    let sums = fs::read_to_string(packed.folder().join("SHA256SUMS")).unwrap();
    assert_eq!(sums, expected);
    for archive in archives {
        let shown = archive.display().to_string();
        assert!(packed.said.contains(&shown), "{}", packed.said);
    }
}

#[test]
fn the_readme_s_lines_for_who_has_no_rust_end_at_pictures() {
    let Some(shell) = Shell::new() else { return };
    let packed = pack(&["--programs"]);
    let programs = packed.archives().into_iter().find_map(|archive| {
        let name = archive.file_name()?.to_str()?.to_owned();
        name.starts_with("image-proxy-programs-").then_some(name)
    });
    let programs = programs.unwrap();
    let triple = programs
        .trim_start_matches(&format!("image-proxy-programs-{}-", version()))
        .trim_end_matches(".tar.gz");
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let [get, start, _] = &blocks(&readme, "## Without Rust")[..] else {
        panic!("the section has not three blocks");
    };
    let get = downloaded(get, &packed).replace(README_TRIPLE, triple);
    let start = if host::is_spin() {
        start.replace("./image-proxy-host up", "spin up")
    } else {
        start.clone()
    };
    let pictures = shell.pictures(&[("one.gif", gif("one", 2000)), ("two.gif", gif("two", 3000))]);

    let ended = shell.run(&[get, shell.on_own_ports(), start].join("\n"));

    assert_eq!(served_after(&ended), pictures);
    let folder = shell.folder().join(programs.trim_end_matches(".tar.gz"));
    let unpacked = unpacked::Unpacked::at(&folder);
    let expected = FILES.iter().chain(&PROGRAMS).map(ToString::to_string);
    let missing: Vec<_> = expected
        .filter(|name| !unpacked.files().contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let archived = unpacked.text("README.md");
    assert!(
        archived.contains(&block(&readme, "./image-proxy-embedded-storage &")),
        "the archive's README has other lines than the repository's"
    );
}

#[test]
fn the_lines_in_an_archive_s_readme_start_it_on_a_storage_of_ones_own() {
    let Some(shell) = Shell::new() else { return };
    let packed = pack(&[]);
    let unpacked = packed.unpack_the_only_one();
    let storage = Storage::start();
    let settings = unpacked.text("runtime-config.toml");
    let values = [
        ("http://127.0.0.1:9000", storage.endpoint()),
        ("\"images\"", format!("{:?}", storage.bucket)),
        (
            "image-proxy-dev-secret",
            storage.credentials.secret_access_key.clone(),
        ),
        ("image-proxy-dev", storage.credentials.access_key_id.clone()),
    ];
    let settings = values.iter().fold(settings, |text, (example, own)| {
        assert!(text.contains(example), "the example has no {example}");
        text.replace(example, own)
    });
    let readme = unpacked.text("README.md");
    let (start, import) = (
        block(&readme, "spin up"),
        block(&readme, "image-proxy-import"),
    );
    shell.link("image-proxy-import", &importer());
    let pictures = shell.pictures(&[("one.gif", gif("one", 2000))]);
    fs::write(unpacked.path().join("runtime-config.toml"), settings).unwrap();

    let start = format!("cd '{}'\n{} &", unpacked.path().display(), start.trim_end());
    let ended = shell.run(&[start, until_ready(), import].join("\n"));

    assert_eq!(served_after(&ended), pictures);
}

#[test]
fn a_date_that_is_not_a_number_is_refused_before_anything_is_packed() {
    let folder = TempDir::new().unwrap();
    let mut command = unpacked::command(folder.path(), &[]);

    let output = command
        .env("SOURCE_DATE_EPOCH", "yesterday")
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("SOURCE_DATE_EPOCH must be a number"),
        "{said}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_host_says_in_another_folder_what_to_type() {
    let elsewhere = TempDir::new().unwrap();
    for (arguments, said) in [
        (
            &["up"][..],
            "spin.toml: no such file: change into the folder",
        ),
        (&["up", "--from", "elsewhere"], "elsewhere: no such file"),
        (&["spin-test"], "or name its manifest by --from"),
    ] {
        let output = Command::new(host::embedded())
            .args(arguments)
            .current_dir(elsewhere.path())
            .output()
            .unwrap();

        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(errors.contains(said), "{arguments:?}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

/// The README's lines, with the packed files in the place of what would be downloaded.
fn downloaded(lines: &str, packed: &Packed) -> String {
    let from = format!("/releases/download/v{}/", version());
    let line = |line: &str| {
        if line.starts_with("curl ") {
            assert!(line.contains(&from), "{line}");
            format!("cp '{}'/* .", packed.folder().display())
        } else {
            line.to_owned()
        }
    };
    lines.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
