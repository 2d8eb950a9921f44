//! `cargo xtask up`: from a checkout to pictures in the browser, in a folder of the test's own.

pub mod running;

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use http::Request;
use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::harness::images::{gif, hex};
use crate::harness::response::send;
use crate::harness::xtask;
use running::{Offer, Up, command};

/// The sample images by file name, and their types.
const SAMPLES: [(&str, &str); 6] = [
    ("landscape.jpg", "image/jpeg"),
    ("mandelbrot.png", "image/png"),
    ("orbits.gif", "image/gif"),
    ("plasma.webp", "image/webp"),
    ("rosette.svg", "image/svg+xml"),
    ("sunset.jpg", "image/jpeg"),
];

/// Asserts that the answer is the file, under the contract's headers.
#[track_caller]
fn assert_serves(offer: &Offer) {
    let file = std::fs::read(&offer.file).unwrap();
    let sha256 = hex(&Sha256::digest(&file));

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
        assert_eq!(addresses.len(), 3, "application, storage, gallery");
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
        assert_eq!(records(data.path(), metadata), listed(data.path()));
    }
}

/// The images of the gallery, and their sizes.
fn listed(data: &Path) -> i64 {
    let list = std::fs::read(data.join(".spin/gallery.json")).unwrap();
    let list: Vec<Value> = serde_json::from_slice(&list).unwrap();
    assert_eq!(list.len(), 6);
    let sizes = list.iter().filter_map(|entry| entry["sizes"].as_array());
    let ids = sizes
        .flatten()
        .chain(&list)
        .map(|image| image["id"].as_str());
    let ids: BTreeSet<_> = ids.map(Option::unwrap).collect();
    assert!(ids.len() > 6, "there are no sizes");
    ids.len().try_into().unwrap()
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

#[test]
fn only_the_gallery_s_origin_may_read_answers_and_without_a_gallery_none() {
    let data = folder_with_images("only");
    for (arguments, has_gallery) in [(&[][..], true), (&["--no-gallery"][..], false)] {
        let up = Up::start_with(data.path(), "sqlite", arguments);
        let gallery = up.gallery.clone();
        assert_eq!(gallery.is_some(), has_gallery);
        let asker = gallery.unwrap_or_else(|| "http://127.0.0.1:4200".to_owned());

        let response = send(
            Request::get(&up.offers[0].url)
                .header("origin", &asker)
                .body("")
                .unwrap(),
        )
        .unwrap();

        let readable_by = response
            .headers
            .get("access-control-allow-origin")
            .map(|origin| origin.to_str().unwrap());
        assert_eq!(readable_by, has_gallery.then_some(asker.as_str()));
        assert_eq!(up.interrupt().code(), Some(0));
    }
}

#[test]
fn what_cannot_be_imported_is_named_and_the_rest_is_served() {
    let data = folder_with_images("lucky");
    let images = data.path().join("examples/images");
    std::fs::write(images.join("empty.png"), "").unwrap();
    let large = std::fs::File::create(images.join("large.gif")).unwrap();
    std::io::Write::write_all(&mut &large, b"GIF89a\0\0").unwrap();
    large.set_len(52_428_801).unwrap();

    let up = Up::start(data.path(), "sqlite");

    assert_eq!(up.offers.len(), SAMPLES.len());
    assert_serves(&up.offers[0]);
    let (status, errors) = up.interrupt_and_read();
    assert_eq!(status.code(), Some(0));
    for refused in ["empty.png is empty", "large.gif has 52428801 bytes"] {
        assert!(errors.contains(refused), "{errors}");
    }
}

#[test]
fn an_image_is_imported_into_what_up_runs() {
    let data = folder_with_images("host");
    let file = data.path().join("new.gif");
    std::fs::write(&file, gif("new", 3000)).unwrap();
    let import = || {
        let arguments = ["import", "--data", data.path().to_str().unwrap(), "--json"];
        let mut command = Command::new(xtask());
        command.args(arguments).arg(&file).output().unwrap()
    };
    let without = import();
    let up = Up::start(data.path(), "key-value");

    let with = import();

    assert!(!without.status.success());
    let said = String::from_utf8_lossy(&without.stderr);
    assert!(said.contains("cargo xtask up"), "{said}");
    assert!(with.status.success(), "{with:?}");
    let said = String::from_utf8(with.stdout).unwrap();
    let image: Value =
        serde_json::from_str(said.lines().find(|line| line.contains("\"path\"")).unwrap()).unwrap();
    let url = image["url"].as_str().unwrap();
    let response = send(Request::get(url).body("").unwrap()).unwrap();
    assert!(response.bytes() == gif("new", 3000));
    let gallery = std::fs::read_to_string(data.path().join(".spin/gallery.json")).unwrap();
    assert!(gallery.contains("new.gif"));
    assert_eq!(up.interrupt().code(), Some(0));
}

#[test]
fn a_data_folder_is_of_one_up_alone_and_nobody_forgets_what_another_uses() {
    let data = folder_with_images("first");
    let up = Up::start(data.path(), "sqlite");

    let second = command(data.path(), "sqlite")
        .args(["--listen", "0", "--gallery", "0", "--fresh"])
        .output()
        .unwrap();

    assert_eq!(second.status.code(), Some(1));
    let error = String::from_utf8_lossy(&second.stderr);
    let holder = format!("in use by another `cargo xtask up`, process {}:", up.id());
    assert!(error.contains(&holder), "{error}");
    assert_serves(&up.offers[0]);
    assert_eq!(up.interrupt().code(), Some(0));
    assert_eq!(records(data.path(), "sqlite"), 6);
}

#[test]
fn an_application_that_is_not_ready_is_told_with_its_code_and_cause_and_nothing_is_imported() {
    let data = folder_with_images("unready");

    let unready = command(data.path(), "sqlite")
        .args(["--listen", "0", "--gallery", "0"])
        .env("SPIN_VARIABLE_MAX_IMAGE_BYTES", "50MB")
        .output()
        .unwrap();

    assert_eq!(unready.status.code(), Some(1));
    let error = String::from_utf8_lossy(&unready.stderr);
    assert!(
        error.contains("the application is not ready, configuration_error: the cause is"),
        "{error}"
    );
    assert!(
        error.contains("the variable max_image_bytes must be"),
        "{error}"
    );
    let log = data.path().join(".spin/logs/image-proxy_stderr.txt");
    assert!(error.contains(log.to_str().unwrap()), "{error}");
    assert!(log.exists());
    assert_eq!(records(data.path(), "sqlite"), 0);
}

#[test]
fn a_port_that_is_given_twice_is_refused_before_anything_starts() {
    let data = folder_with_images("nobody");

    let refused = command(data.path(), "sqlite")
        .args(["--listen", "1", "--gallery", ":1"])
        .output()
        .unwrap();

    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(
        error.contains("--listen and --gallery are both given port 1"),
        "{error}"
    );
    assert!(!data.path().join(".image-proxy").exists());
}

#[test]
fn what_up_started_ends_with_it_however_it_ends() {
    let data = folder_with_images("killed");
    let up = Up::start(data.path(), "sqlite");
    let addresses = up.addresses();

    up.kill();

    for address in addresses {
        assert!(
            TcpStream::connect(&address).is_err(),
            "{address} still answers"
        );
    }
    let again = Up::start(data.path(), "sqlite");
    assert_serves(&again.offers[0]);
    assert_eq!(again.interrupt().code(), Some(0));
}

#[test]
fn another_device_sees_the_pictures_where_up_listens_at_every_address() {
    let data = folder_with_images("network");
    let everywhere = ["--listen", "0.0.0.0:0", "--gallery", "0.0.0.0:0"];
    let up = Up::start_with(data.path(), "sqlite", &everywhere);
    // Another name of this machine stands for what another device calls it.
    let elsewhere = |origin: &str| origin.replace("127.0.0.1", "127.0.0.2");
    let gallery = elsewhere(up.gallery.as_deref().unwrap());
    let get = |url: String| {
        let request = Request::get(url).header("origin", &gallery);
        send(request.body("").unwrap()).unwrap()
    };

    let config: Value =
        serde_json::from_slice(get(format!("{gallery}/config.json")).bytes()).unwrap();
    let page = get(format!("{gallery}/"));
    let picture = get(elsewhere(&up.offers[0].url));

    let api = elsewhere(up.api());
    assert_eq!(config["api"], api.as_str());
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains(&format!("img-src 'self' data: {api};")),
        "{policy}"
    );
    assert_eq!(picture.status, 200);
    assert_eq!(picture.headers["access-control-allow-origin"], "*");
    assert_eq!(up.interrupt().code(), Some(0));
}

/// A data folder with images of its own in place of the samples, which take long to draw.
fn folder_with_images(owner: &str) -> TempDir {
    let data = TempDir::new().unwrap();
    let images = data.path().join("examples/images");
    std::fs::create_dir_all(&images).unwrap();
    for (name, _) in SAMPLES {
        let image = gif(&format!("{name} of the {owner}"), 100);
        std::fs::write(images.join(name), image).unwrap();
    }
    data
}
