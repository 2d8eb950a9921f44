//! The tests.

use crate::bindings::fermyon::spin_test_virt::variables;
use crate::request::{get, get_with};
use crate::setup::{
    Image, MAX_WRITE, configure, create_table, record_in_key_value, record_in_sqlite,
    server_answers, storage_answers,
};

macro_rules! names {
    ($($test:ident),* $(,)?) => { &[$((stringify!($test), $test)),*] };
}

/// Every test and its name.
pub const ALL: &[(&str, fn())] = names![
    an_image_is_served_as_its_record_describes_it,
    an_image_longer_than_any_buffer_arrives_whole,
    what_follows_the_first_bytes_of_a_small_image_is_handed_over_at_once,
    the_last_64_kib_of_a_larger_image_are_handed_over_at_once,
    a_record_in_the_key_value_store_serves_as_well,
    an_image_that_is_kept_is_served_without_storage,
    an_image_that_is_kept_in_the_store_of_its_record_is_served_without_storage,
    a_revalidation_is_answered_without_storage,
    an_unknown_image_is_answered_without_storage,
    a_range_is_answered_with_that_part,
    an_answer_of_storage_that_is_an_error_is_told_without_its_detail,
    an_answer_of_storage_that_breaks_a_promise_is_not_passed_on,
    a_host_that_the_manifest_does_not_allow_is_not_contacted,
    a_setting_that_cannot_be_used_is_named_to_nobody_outside,
];

fn an_image_is_served_as_its_record_describes_it() {
    let image = Image::of_size(100_000);
    configure();
    record_in_sqlite(&image);
    storage_answers(&image, 200, &[("content-type", "text/html")], &image.bytes);

    let answer = get(&image.path());

    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "image/png");
    assert_eq!(answer.header("content-length"), "100000");
    assert_eq!(answer.header("etag"), r#""0a1b2c3d""#);
    assert_eq!(
        answer.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert!(answer.body == image.bytes);
}

fn an_image_longer_than_any_buffer_arrives_whole() {
    let image = Image::of_size(20_000_000);
    configure();
    record_in_sqlite(&image);
    storage_answers(&image, 200, &[], &image.bytes);

    let answer = get(&image.path());

    assert_eq!(answer.status, 200);
    assert!(answer.body == image.bytes);
}

fn what_follows_the_first_bytes_of_a_small_image_is_handed_over_at_once() {
    let pieces = pieces_of_an_image_of_size(10_000);

    assert_eq!(pieces, [MAX_WRITE, 10_000 - MAX_WRITE]);
}

fn the_last_64_kib_of_a_larger_image_are_handed_over_at_once() {
    let pieces = pieces_of_an_image_of_size(100_000);

    assert_eq!(pieces.first(), Some(&MAX_WRITE));
    assert_eq!(pieces.last(), Some(&(64 * 1024)));
}

/// What is handed over at once of an image that storage sends in pieces of [`MAX_WRITE`].
fn pieces_of_an_image_of_size(size: usize) -> Vec<usize> {
    let image = Image::of_size(size);
    configure();
    record_in_sqlite(&image);
    storage_answers(&image, 200, &[], &image.bytes);

    let answer = get(&image.path());

    assert!(answer.body == image.bytes);
    answer.pieces
}

fn a_record_in_the_key_value_store_serves_as_well() {
    let image = Image::of_size(1000);
    configure();
    variables::set("metadata_store", "key-value");
    record_in_key_value(&image);
    storage_answers(&image, 200, &[], &image.bytes);

    let answer = get(&image.path());

    assert_eq!(answer.status, 200);
    assert!(answer.body == image.bytes);
}

fn an_image_that_is_kept_is_served_without_storage() {
    serve_what_is_kept("sqlite", record_in_sqlite);
}

fn an_image_that_is_kept_in_the_store_of_its_record_is_served_without_storage() {
    serve_what_is_kept("key-value", record_in_key_value);
}

fn serve_what_is_kept(store: &str, record: fn(&Image)) {
    let image = Image {
        hash: "4e4c294b331f7a2099a379bec34b9f9fc03dc46ab465d998f4d683da53487e6d",
        ..Image::of_size(1000)
    };
    configure();
    variables::set("metadata_store", store);
    variables::set("cache_max_bytes", "1000");
    record(&image);
    // It is good for one request.
    storage_answers(&image, 200, &[], &image.bytes);

    for _ in 0..3 {
        let answer = get(&image.path());

        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.body == image.bytes);
    }
}

fn a_revalidation_is_answered_without_storage() {
    let image = Image::of_size(1000);
    configure();
    record_in_sqlite(&image);
    storage_answers(&image, 200, &[], &image.bytes);

    let answer = get_with(&image.path(), &[("if-none-match", r#"W/"0a1b2c3d""#)]);

    assert_eq!(answer.status, 304);
    assert_eq!(answer.header("etag"), r#""0a1b2c3d""#);
    assert!(answer.body.is_empty());
    // Storage's answer is good for one request: it is still there.
    assert_eq!(get(&image.path()).status, 200);
}

fn an_unknown_image_is_answered_without_storage() {
    let image = Image::of_size(1000);
    configure();
    create_table();
    storage_answers(&image, 200, &[], &image.bytes);

    let answer = get(&image.path());

    assert_eq!(answer.status, 404);
    assert!(
        answer.text().contains("image_not_found"),
        "{}",
        answer.text()
    );
    record_in_sqlite(&image);
    assert_eq!(get(&image.path()).status, 200);
}

fn a_range_is_answered_with_that_part() {
    let image = Image::of_size(1000);
    configure();
    record_in_sqlite(&image);
    let part = &image.bytes[100..200];
    storage_answers(
        &image,
        206,
        &[("content-range", "bytes 100-199/1000")],
        part,
    );

    let answer = get_with(&image.path(), &[("range", "bytes=100-199")]);

    assert_eq!(answer.status, 206);
    assert_eq!(answer.header("content-range"), "bytes 100-199/1000");
    assert_eq!(answer.header("content-length"), "100");
    assert_eq!(answer.body, part);
}

fn an_answer_of_storage_that_is_an_error_is_told_without_its_detail() {
    let image = Image::of_size(1000);
    configure();
    record_in_sqlite(&image);
    let document = b"<Error><Code>AccessDenied</Code><Resource>pictures</Resource></Error>";
    storage_answers(&image, 403, &[("server", "MinIO")], document);

    let answer = get(&image.path());

    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("storage_error"), "{}", answer.text());
    for detail in ["AccessDenied", "pictures", "storage.example", image.key] {
        assert!(!answer.text().contains(detail), "{}", answer.text());
    }
    assert_eq!(answer.header("server"), "");
}

fn an_answer_of_storage_that_breaks_a_promise_is_not_passed_on() {
    let image = Image::of_size(1000);
    configure();
    record_in_sqlite(&image);
    storage_answers(&image, 200, &[], &image.bytes[1..]);

    let answer = get(&image.path());

    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("storage_error"), "{}", answer.text());
}

fn a_host_that_the_manifest_does_not_allow_is_not_contacted() {
    let image = Image::of_size(1000);
    configure();
    record_in_sqlite(&image);
    // The manifest allows the endpoint alone, and with virtual-host addressing it is another host.
    variables::set("s3_addressing_style", "virtual");
    let url = "http://pictures.storage.example:9000/2026/cat.png";
    server_answers(url, 200, &[], &image.bytes);

    let answer = get(&image.path());

    assert_eq!(answer.status, 500);
}

fn a_setting_that_cannot_be_used_is_named_to_nobody_outside() {
    let image = Image::of_size(1000);
    configure();
    record_in_sqlite(&image);
    variables::set("s3_max_attempts", "many");

    let answer = get(&image.path());

    assert_eq!(answer.status, 500);
    assert!(
        answer.text().contains("configuration_error"),
        "{}",
        answer.text()
    );
    assert!(
        !answer.text().contains("s3_max_attempts"),
        "{}",
        answer.text()
    );
}
