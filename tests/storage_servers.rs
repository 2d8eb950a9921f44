//! What a storage server decides: keys, refusals, lengths. Run on each by `cargo xtask test --storage`,
//! and by `tls` on one that speaks it.

use serde_json::json;

use crate::harness::app::Launch;
use crate::harness::boto3::Boto3;
use crate::harness::images::hex;
use crate::harness::seen::{self, Rows};
use crate::harness::storage::Credentials;
use crate::harness::{App, Storage, TestImage};

/// What keys may hold that a path, a URL or a file system treats in its own way. The number in front
/// keeps them apart, where it may stand there.
fn keys() -> Vec<(&'static str, String)> {
    let longest = format!("22/{}", "ä/".repeat(340) + "x");
    assert_eq!(longest.len(), 1024);
    vec![
        ("a space, and several", "01/a b  c.png".into()),
        ("`+`", "02/a+b.png".into()),
        ("`%`", "03/100%.png".into()),
        ("`%2F` as text", "04/a%2Fb.png".into()),
        ("`%zz`, no encoding of anything", "05/%zz.png".into()),
        ("`#`", "06/a#b.png".into()),
        ("`?`", "07/a?b=c.png".into()),
        ("`&` and `=`", "08/a&b=c.png".into()),
        ("`@`, `:`, `,`, `;`", "09/a@b:c,d;e.png".into()),
        ("parentheses and `!`", "10/a (1)!.png".into()),
        ("quotes", "11/'a' \"b\" `c`.png".into()),
        ("a backslash", "12/a\\b.png".into()),
        ("`~`, `*`, `$`", "13/~a*b$.png".into()),
        (
            "`<`, `>`, `{`, `}`, `[`, `]`, `^`",
            "14/<a>{b}[c]^.png".into(),
        ),
        ("two slashes in a row", "15//a.png".into()),
        ("a leading slash", "/16/a.png".into()),
        ("a trailing slash", "17/a.png/".into()),
        ("dots within segments", "18/..a/b../c...d/.e".into()),
        ("no directory", "19.png".into()),
        ("a space at each end", " 20/a.png ".into()),
        (
            "as long as can be, in ASCII",
            format!("21/{}", "a/".repeat(510) + "x"),
        ),
        ("as long as can be, beyond ASCII", longest),
        ("a segment of 255 bytes", format!("23/{}", "a".repeat(255))),
        ("a segment of 256 bytes", format!("24/{}", "a".repeat(256))),
        ("Cyrillic", "25/Фотография.png".into()),
        ("Hebrew", "26/תמונה ראשונה.png".into()),
        (
            "Japanese, with a full-width space",
            "27/写真\u{3000}集.png".into(),
        ),
        ("a combining mark", "28/e\u{301}.png".into()),
        ("the same, precomposed", "28/\u{e9}.png".into()),
        ("an emoji of several code points", "29/👩‍👩‍👧‍👦.png".into()),
        ("upper and lower case", "30/A.PNG".into()),
        ("the same, in lower case", "30/a.png".into()),
    ]
}

#[test]
fn every_key_that_a_server_takes_is_served_byte_for_byte() {
    hold_keys(&Storage::start());
}

pub fn hold_keys(storage: &Storage) {
    let Some(boto3) = Boto3::find() else {
        return;
    };
    let app = App::start(storage);
    let images: Vec<_> = keys()
        .into_iter()
        .map(|(case, key)| (case, TestImage::of_size(1000).with_key(&key)))
        .collect();

    let images_alone = images.iter().map(|(_, image)| (image, None));
    let answers = upload(&boto3, storage, images_alone);

    let mut rows = Rows::new();
    for ((case, image), refusal) in images.iter().zip(answers) {
        let seen = if let Some(words) = refusal {
            format!("refused: {words}")
        } else {
            app.record(image);
            serves(&app, image)
        };
        rows.push(((*case).to_owned(), seen));
    }
    seen::hold("keys", storage.server_name(), &rows);
}

/// Whole and in part: `served`, or what came instead.
fn serves(app: &App, image: &TestImage) -> String {
    let whole = app.get(&image.path());
    if whole.status != 200 {
        return format!("not served: {:?}", app.cause_of(&whole));
    }
    assert!(whole.bytes() == image.bytes, "{}", image.key);
    let part = app.request_with("GET", &image.path(), &[("range", "bytes=100-499")]);
    assert_eq!(part.status, 206, "{}", image.key);
    assert!(part.bytes() == &image.bytes[100..500], "{}", image.key);
    "served".into()
}

#[test]
fn an_object_of_any_length_is_served_whole_and_to_its_last_byte() {
    hold_lengths(&Storage::start());
}

pub fn hold_lengths(storage: &Storage) {
    let app = App::start(storage);

    let mut rows = Rows::new();
    for size in [0, 1, 65_536, 8 << 20, 52_428_800] {
        let image = TestImage::of_size(size);
        app.import(storage, &image);

        let head = app.request("HEAD", &image.path());
        let whole = app.get(&image.path());

        assert_eq!(
            (head.status.as_u16(), whole.status.as_u16()),
            (200, 200),
            "{size}"
        );
        assert!(whole.bytes() == image.bytes, "{size}");
        if size > 0 {
            let last = app.request_with("GET", &image.path(), &[("range", "bytes=-1")]);
            assert_eq!(last.bytes(), &image.bytes[size - 1..], "{size}");
        }
        rows.push((format!("{size} bytes"), "served".into()));
    }
    seen::hold("lengths", storage.server_name(), &rows);
}

#[test]
fn a_refusal_is_a_storage_error_and_the_log_has_the_server_s_own_code() {
    hold_refusals(&Storage::start());
}

pub fn hold_refusals(storage: &Storage) {
    let right = || storage.credentials.clone();
    let missing = TestImage::of_size(10);
    let there = TestImage::of_size(10);
    storage.put(&there.key, &there.bytes);
    let another = |text: &str| text.chars().rev().collect::<String>();
    let wrong_secret = Credentials {
        secret_access_key: another(&right().secret_access_key),
        ..right()
    };
    let unknown_key = Credentials {
        access_key_id: another(&right().access_key_id),
        ..right()
    };

    let mut rows = Rows::new();
    for (case, bucket, credentials, image, method) in [
        ("no such object", &*storage.bucket, right(), &missing, "GET"),
        (
            "no such object, `HEAD`",
            &storage.bucket,
            right(),
            &missing,
            "HEAD",
        ),
        ("no such bucket", "no-such-bucket", right(), &there, "GET"),
        (
            "a wrong secret key",
            &storage.bucket,
            wrong_secret,
            &there,
            "GET",
        ),
        (
            "an unknown access key",
            &storage.bucket,
            unknown_key,
            &there,
            "GET",
        ),
    ] {
        let app = Launch::on(storage)
            .variable("s3_bucket", bucket)
            .variable("s3_access_key_id", &credentials.access_key_id)
            .variable("s3_secret_access_key", &credentials.secret_access_key)
            .start();
        app.record(image);

        let response = app.request(method, &image.path());

        assert_eq!(response.status, 500, "{case}");
        rows.push((case.to_owned(), format!("`{}`", app.cause())));
    }
    seen::hold("refusals", storage.server_name(), &rows);
}

#[test]
fn what_a_server_keeps_of_checksums_verifies_the_object() {
    hold_checksums(&Storage::start());
}

/// More than the component hashes itself.
const LARGE: usize = 70_000;
/// More than one part.
const PARTS: usize = (5 << 20) + 1;

pub fn hold_checksums(storage: &Storage) {
    let Some(boto3) = Boto3::find() else {
        return;
    };
    let app = App::start(storage);
    let checksum = |image: &TestImage| Some(image.sha256_in_base64());
    let mut rows = Rows::new();
    let mut hold = |case: &str, image: TestImage, object: TestImage, checksum: Option<String>| {
        let object = object.with_key(&image.key);
        app.record(&image);
        let answers = upload(&boto3, storage, [(&object, checksum)].into_iter());
        let seen = match &answers[0] {
            Some(words) => format!("refused: {words}"),
            None => verified(&app, &image),
        };
        rows.push((case.to_owned(), seen));
    };

    let image = || TestImage::of_size(LARGE);
    let same = |image: &TestImage| TestImage::of_bytes(image.bytes.clone());
    let (kept, unknown) = (image(), image());
    let parts = TestImage::of_size(PARTS);
    let (copy, sha256) = (same(&kept), checksum(&kept));
    hold("with its SHA-256", kept, copy, sha256);
    let copy = same(&unknown);
    hold("without", unknown, copy, None);
    let copy = same(&parts);
    hold(
        "in two parts, with a SHA-256 of each",
        parts,
        copy,
        Some("parts".into()),
    );
    let (other, another) = (image(), image());
    let sha256 = checksum(&other);
    hold(
        "another of the same length, with its own",
        image(),
        other,
        sha256,
    );
    let sha256 = checksum(&image());
    hold("with that of another", image(), another, sha256);
    seen::hold("checksums", storage.server_name(), &rows);
}

/// Whether the log says that whole, head and part are verified, or what came instead.
fn verified(app: &App, image: &TestImage) -> String {
    let before = app.log(0).len();
    let requests = [
        ("`GET`", "GET", None),
        ("`HEAD`", "HEAD", None),
        ("a range", "GET", Some("bytes=1-9")),
    ];
    let said = requests
        .into_iter()
        .enumerate()
        .map(|(number, (name, method, range))| {
            let fields: Vec<_> = range.map(|range| ("range", range)).into_iter().collect();
            let status = app.request_with(method, &image.path(), &fields).status;
            let entry = app.log(before + number + 1).swap_remove(before + number);
            match entry["verified"].as_bool() {
                Some(true) => format!("{name} verified"),
                Some(false) => format!("{name} not verified"),
                None => format!("{name} {}", status.as_u16()),
            }
        });
    said.collect::<Vec<_>>().join(", ")
}

/// Uploads by boto3, with these checksums; for each image, what the server said where it did not take it.
fn upload<'a>(
    boto3: &Boto3,
    storage: &Storage,
    images: impl Iterator<Item = (&'a TestImage, Option<String>)>,
) -> Vec<Option<String>> {
    let objects: Vec<_> = images
        .map(|(image, checksum)| (&image.key, hex(&image.bytes), checksum))
        .collect();
    let order = json!({ "bucket": storage.bucket, "objects": objects });
    let answers = boto3.run("put_objects.py", storage, &order);
    serde_json::from_value(answers).unwrap()
}
