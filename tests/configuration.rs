//! Settings: their defaults, and what becomes of those that cannot be used.

use crate::harness::app::Launch;
use crate::harness::{Storage, TestImage, broken_settings};

const DETAIL: &str = "Service is not configured correctly";

/// Values of settings that an image out of storage depends on, which cannot be used.
fn malformed() -> impl Iterator<Item = (&'static str, &'static str)> {
    let others = [
        ("cors_allowed_origins", "https://a:"),
        ("cors_allowed_origins", "https://b:99999"),
    ];
    broken_settings::OF_AN_IMAGE.into_iter().chain(others)
}

#[test]
fn a_malformed_setting_is_a_configuration_error_and_the_log_names_it() {
    let storage = Storage::start();

    std::thread::scope(|scope| {
        for (name, value) in malformed() {
            let launch = Launch::on(&storage).variable(name, value);
            let storage = &storage;
            scope.spawn(move || {
                let app = launch.start();
                let image = TestImage::of_size(1);
                app.import(storage, &image);

                let response = app.get(&image.path());

                response.assert_error(500, DETAIL, "configuration_error");
                let cause = app.cause();
                assert!(
                    cause.contains(&format!("the variable {name} must be")),
                    "{cause}"
                );
                assert!(value.len() < 3 || !cause.contains(value), "{cause}");
            });
        }
    });
    assert_eq!(storage.object_requests().len(), 0);
}

#[test]
fn an_answer_that_does_not_depend_on_a_malformed_setting_is_given() {
    let storage = Storage::start();

    std::thread::scope(|scope| {
        for (name, value) in malformed() {
            let launch = Launch::on(&storage)
                .variable("cache_max_bytes", "1000")
                .variable(name, value);
            let storage = &storage;
            scope.spawn(move || {
                let app = launch.start();
                let image = TestImage::of_size(1);
                app.import(storage, &image);
                app.key_value().keep(&image, &image.bytes);

                let etag = format!("\"{}\"", image.hash());
                let same = app.request_with("GET", &image.path(), &[("if-none-match", &etag)]);
                let statuses = [
                    app.get("/").status.as_u16(),
                    same.status.as_u16(),
                    app.get(&image.path()).status.as_u16(),
                ];

                let expected = match name {
                    "cors_allowed_origins" => [500, 500, 500],
                    "metadata_store" | "max_image_bytes" => [404, 500, 500],
                    _ => [404, 304, 200],
                };
                assert_eq!(statuses, expected, "{name}={value:?}");
            });
        }
    });
    assert_eq!(storage.object_requests().len(), 0);
}

#[test]
fn a_setting_that_the_manifest_does_not_pass_on_is_a_configuration_error() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .manifest(|text| text.replace("s3_bucket = \"{{ s3_bucket }}\"", ""))
        .start();
    let image = TestImage::of_size(1);
    app.import(&storage, &image);

    let response = app.get(&image.path());

    response.assert_error(500, DETAIL, "configuration_error");
    assert!(
        app.cause().contains("cannot read the variable s3_bucket"),
        "{}",
        app.cause()
    );
}

#[test]
fn the_manifests_of_both_components_differ_in_source_and_build_command_alone() {
    let parsed = |name: &str| {
        let text = std::fs::read_to_string(crate::harness::root().join(name)).unwrap();
        text.parse::<toml::Table>().unwrap()
    };
    let (mut all, mut newer) = (parsed("spin.toml"), parsed("spin.wasip3.toml"));
    let mut differing = [&mut all, &mut newer].map(|manifest| {
        let component = manifest["component"]["image-proxy"].as_table_mut().unwrap();
        let source = component.remove("source").unwrap();
        let build = component["build"].as_table_mut().unwrap();
        (source, build.remove("command").unwrap())
    });

    assert_eq!(all, newer);
    let [(source, command), (newer_source, newer_command)] = &mut differing;
    assert_ne!(source, newer_source);
    assert_ne!(command, newer_command);
}

#[test]
fn every_other_setting_has_the_documented_default() {
    let text = std::fs::read_to_string(crate::harness::root().join("spin.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let defaults = manifest["variables"].as_table().unwrap().iter();

    let mut defaults: Vec<_> = defaults
        .filter_map(|(name, variable)| Some((name.as_str(), variable.get("default")?.as_str()?)))
        .collect();

    defaults.sort_unstable();
    assert_eq!(
        defaults,
        [
            ("cache_max_bytes", "0"),
            ("client_timeout_ms", "60000"),
            ("cors_allowed_origins", ""),
            ("hash_max_bytes", "16384"),
            ("log", "all"),
            ("max_image_bytes", "52428800"),
            ("metadata_store", "sqlite"),
            ("records_token", ""),
            ("require_checksum", "false"),
            ("s3_addressing_style", "path"),
            ("s3_between_bytes_timeout_ms", "30000"),
            ("s3_connect_timeout_ms", "2000"),
            ("s3_first_byte_timeout_ms", "10000"),
            ("s3_max_attempts", "3"),
            ("s3_region", "us-east-1"),
            ("s3_session_token", ""),
            ("s3_total_timeout_ms", "30000"),
        ]
    );
}

#[test]
fn no_credential_has_a_default_in_the_manifest() {
    let text = std::fs::read_to_string(crate::harness::root().join("spin.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();

    for name in [
        "s3_access_key_id",
        "s3_secret_access_key",
        "s3_endpoint",
        "s3_bucket",
    ] {
        let variable = manifest["variables"][name].as_table().unwrap();
        assert_eq!(
            variable.get("required"),
            Some(&toml::Value::Boolean(true)),
            "{name}"
        );
        assert!(!variable.contains_key("default"), "{name}");
    }
    for name in ["s3_secret_access_key", "s3_session_token", "records_token"] {
        let is_secret = manifest["variables"][name].get("secret");
        assert_eq!(is_secret, Some(&toml::Value::Boolean(true)), "{name}");
    }
}

#[test]
fn the_component_may_contact_the_configured_storage_alone() {
    let text = std::fs::read_to_string(crate::harness::root().join("spin.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();

    let hosts = &manifest["component"]["image-proxy"]["allowed_outbound_hosts"];

    assert_eq!(
        hosts.as_array().unwrap().as_slice(),
        ["{{ s3_endpoint }}".into()]
    );
}
