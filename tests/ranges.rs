//! Range and If-Range (RFC 9110 sections 13.1.5 and 14).

use crate::harness::app::Launch;
use crate::harness::{App, ScriptedStorage, Step, Storage, TestImage, on_each_store};

#[test]
fn a_range_is_answered_with_that_range_and_asked_of_storage_as_that_range() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);
        let ranges = [
            ("bytes=0-0", 0, 0),
            ("bytes=0-499", 0, 499),
            ("bytes=500-", 500, 999),
            ("bytes=990-5000", 990, 999),
            ("bytes=-1", 999, 999),
            ("bytes=-5000", 0, 999),
            ("BYTES=10-19", 10, 19),
            ("bytes=, 10-19 ,", 10, 19),
            ("bytes=10-99999999999999999999", 10, 999),
        ];

        for (number, (value, first, last)) in ranges.into_iter().enumerate() {
            let response = app.request_with("GET", &image.path(), &[("range", value)]);
            response.assert_part(&image, first, last);

            let requests = storage.object_requests();
            assert_eq!(requests.len(), number + 1, "{value}");
            let asked = requests[number].headers.get("range");
            let asked = asked.map(|range| range.to_str().unwrap().to_owned());
            // A range that is the whole is asked for as the whole.
            let is_part = (first, last) != (0, 999);
            let expected = is_part.then(|| format!("bytes={first}-{last}"));
            assert_eq!(asked, expected, "{value}");
        }
    }
}

#[test]
fn a_range_outside_the_image_is_416_and_storage_is_not_asked() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        for value in [
            "bytes=1000-",
            "bytes=5000-6000",
            "bytes=-0",
            "bytes=99999999999999999999-",
        ] {
            let response = app.request_with("GET", &image.path(), &[("range", value)]);
            response.assert_error_with(
                416,
                "Range lies outside the image",
                "range_not_satisfiable",
                &[("content-range", "bytes */1000")],
            );
        }
        assert_eq!(storage.asked(), 0);
    }
}

#[test]
fn several_ranges_other_units_and_syntax_errors_are_ignored() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);

        for value in [
            "bytes=0-1,5-6",
            "items=0-1",
            "bytes=5-1",
            "bytes=",
            "bytes=a-b",
            "0-1",
            "bytes= 0-1",
        ] {
            let response = app.request_with("GET", &image.path(), &[("range", value)]);
            response.assert_image(&image, &image.bytes);
        }
        let twice = [("range", "bytes=0-1"), ("range", "bytes=0-1")];
        let response = app.request_with("GET", &image.path(), &twice);
        response.assert_image(&image, &image.bytes);
    }
}

#[test]
fn if_range_gives_the_range_of_this_image_and_the_whole_of_any_other() {
    for (storage, app) in on_each_store(|launch| launch) {
        let image = TestImage::of_size(1000);
        app.import(&storage, &image);
        let etag = format!("\"{}\"", image.hash());
        let ask = |range: &str, if_range: &str| {
            let fields = [("range", range), ("if-range", if_range)];
            app.request_with("GET", &image.path(), &fields)
        };

        ask("bytes=0-9", &etag).assert_part(&image, 0, 9);
        let others = [
            "\"other\"",
            &format!("W/{etag}"),
            "*",
            "Sat, 29 Oct 1994 19:43:31 GMT",
        ];
        for other in others {
            ask("bytes=0-9", other).assert_image(&image, &image.bytes);
            ask("bytes=5000-", other).assert_image(&image, &image.bytes);
        }
        let without_range = app.request_with("GET", &image.path(), &[("if-range", "\"other\"")]);
        without_range.assert_image(&image, &image.bytes);
    }
}

#[test]
fn a_large_image_is_put_together_from_overlapping_ranges() {
    let storage = Storage::start();
    let app = App::start(&storage);
    let image = TestImage::of_size(3_000_000);
    app.import(&storage, &image);

    let mut whole = vec![0; image.bytes.len()];
    for first in (0..image.bytes.len()).step_by(400_000) {
        let last = (first + 500_000).min(image.bytes.len() - 1);
        let value = format!("bytes={first}-{last}");
        let response = app.request_with("GET", &image.path(), &[("range", &value)]);
        response.assert_part(&image, first, last);
        whole[first..=last].copy_from_slice(response.bytes());
    }

    assert!(whole == image.bytes);
}

#[test]
fn storage_that_does_not_answer_with_that_range_is_a_storage_error() {
    let head = |status, fields| Step::Send(format!("HTTP/1.1 {status} -\r\n{fields}\r\n0123"));
    let answers = [
        Step::object(10, "0123456789"),
        head(206, "Content-Length: 4\r\n"),
        head(206, "Content-Length: 4\r\nContent-Range: bytes 1-4/10\r\n"),
        head(206, "Content-Length: 4\r\nContent-Range: bytes 0-3/11\r\n"),
        head(206, "Content-Length: 5\r\nContent-Range: bytes 0-3/10\r\n"),
        Step::status(416, "Content-Range: bytes */10\r\n"),
    ];

    for step in answers {
        let storage = ScriptedStorage::start([step.clone()]);
        let credentials = ScriptedStorage::credentials();
        let app = Launch::new(storage.endpoint(), "scripted-bucket", &credentials).start();
        let image = TestImage::of_size(10);
        app.record(&image);

        let response = app.request_with("GET", &image.path(), &[("range", "bytes=0-3")]);

        println!("{step:?}");
        response.assert_storage_error();
        assert_eq!(storage.requests().len(), 1);
    }
}
