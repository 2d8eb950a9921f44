//! Settings: their defaults, and what becomes of those that cannot be used.

use crate::harness::app::Launch;
use crate::harness::{Storage, TestImage};

const DETAIL: &str = "Service is not configured correctly";

#[test]
fn a_malformed_setting_is_a_configuration_error_and_the_log_names_it() {
    let storage = Storage::start();
    let malformed = [
        ("s3_region", ""),
        ("s3_bucket", "a/b"),
        ("s3_addressing_style", "subdomain"),
        ("s3_access_key_id", ""),
        ("s3_secret_access_key", "with space"),
        ("s3_session_token", "line\nbreak"),
        ("s3_connect_timeout_ms", "0"),
        ("s3_first_byte_timeout_ms", "1s"),
        ("s3_between_bytes_timeout_ms", "-1"),
        ("s3_max_attempts", "0"),
        ("require_checksum", "yes"),
        ("metadata_store", "postgres"),
        ("max_image_bytes", "50MB"),
        ("cors_allowed_origins", "https://app.example/path"),
        ("cors_allowed_origins", "https://a:"),
        ("cors_allowed_origins", "https://b:99999"),
    ];

    std::thread::scope(|scope| {
        for (name, value) in malformed {
            let launch = Launch::on(&storage).variable(name, value);
            scope.spawn(move || {
                let app = launch.start();

                let response = app.get(&TestImage::of_size(0).path());

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
fn a_setting_that_the_manifest_does_not_pass_on_is_a_configuration_error() {
    let storage = Storage::start();
    let app = Launch::on(&storage)
        .manifest(|text| text.replace("s3_bucket = \"{{ s3_bucket }}\"", ""))
        .start();

    let response = app.get(&TestImage::of_size(0).path());

    response.assert_error(500, DETAIL, "configuration_error");
    assert!(
        app.cause().contains("cannot read the variable s3_bucket"),
        "{}",
        app.cause()
    );
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
