//! The guide to one machine: what it tells to write and to run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use toml::Table;

use crate::harness::front::{find_caddy, find_nginx};
use crate::harness::{root, skip};

const PAGE: &str = "docs/deploy.md";

/// The section on one machine.
fn section() -> String {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let (_, rest) = page.split_once("\n## One machine\n").unwrap();
    rest.split_once("\n## ").unwrap().0.to_owned()
}

/// The blocks of this language, in order.
fn blocks(language: &str) -> Vec<String> {
    let section = section();
    let beginning = format!("```{language}\n");
    let blocks = section.split(&beginning).skip(1);
    blocks
        .map(|rest| rest.split_once("```").unwrap().0.to_owned())
        .collect()
}

/// The only command line that begins like this.
#[track_caller]
fn command(beginning: &str) -> String {
    let blocks = blocks("sh").concat();
    let lines: Vec<_> = blocks
        .lines()
        .filter(|line| line.starts_with(beginning))
        .collect();
    let [line] = lines[..] else {
        panic!("the guide has not one line of {beginning}: {lines:?}");
    };
    line.to_owned()
}

/// The settings that it tells to write.
pub fn settings() -> String {
    let [settings] = &blocks("toml")[..] else {
        panic!("the guide has not one block of settings");
    };
    settings.clone()
}

/// What turns log files off where Spin reads it; Spin 4.0.2 does not take it as an argument.
const NO_LOG_FILES: &str = "log_dir = \"\"\n";

/// Runs its lines that take an image out of nginx's cache.
#[track_caller]
pub fn run_purge(id: &str, kept: &Path) {
    let line = command("sudo find /var/lib/nginx/image-proxy ")
        .replace("sudo ", "")
        .replace("/var/lib/nginx/image-proxy", &kept.display().to_string())
        .replace("253e17a1-9e69-5be4-9366-ac08a9590b04", id);

    let output = Command::new("sh").args(["-c", &line]).output().unwrap();

    assert!(output.status.success(), "{line}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().count(), 1, "{line}: {said}");
}

/// A setting whose value is the machine's own, or is another than `spin.toml`'s for the reason that
/// the guide gives.
const OWN: [&str; 7] = [
    "s3_endpoint",
    "s3_region",
    "s3_bucket",
    "s3_access_key_id",
    "s3_secret_access_key",
    "records_token",
    "metadata_store",
];

#[test]
fn the_guides_settings_are_all_that_there_are_with_their_defaults() {
    let manifest = fs::read_to_string(root().join("spin.toml")).unwrap();
    let manifest: Table = manifest.parse().unwrap();
    let settings: Table = settings().parse().unwrap();
    assert!(blocks("toml")[0].starts_with(NO_LOG_FILES));
    let provider = &settings["variables_provider"][0];
    assert_eq!(provider["type"].as_str(), Some("static"));

    let told: BTreeMap<_, _> = provider["values"].as_table().unwrap().iter().collect();
    let known: BTreeMap<_, _> = manifest["variables"].as_table().unwrap().iter().collect();

    assert_eq!(
        told.keys().collect::<Vec<_>>(),
        known.keys().collect::<Vec<_>>()
    );
    for (name, value) in told {
        if !OWN.contains(&name.as_str()) {
            assert_eq!(Some(value), known[name].get("default"), "{name}");
        }
    }
}

#[test]
fn the_guides_files_are_where_the_unit_and_the_sites_look_for_them() {
    let section = section();
    let files = ["image-proxy.service", "nginx.conf", "Caddyfile"].map(|file| {
        assert!(
            section.contains(&format!("deploy/one-machine/{file}")),
            "{file}"
        );
        fs::read_to_string(root().join("deploy/one-machine").join(file)).unwrap()
    });
    let unit = &files[0];

    for path in [
        "/usr/local/bin/spin",
        "/opt/image-proxy/current",
        "/etc/image-proxy/settings.toml",
    ] {
        assert!(unit.contains(path) && section.contains(path), "{path}");
    }
    for (file, paths) in [
        (
            &files[1],
            &[
                "/etc/letsencrypt/live/images.example.com",
                "/var/lib/nginx/image-proxy",
                "/var/www/html",
                "/var/log/nginx/image-proxy.log",
            ][..],
        ),
        (&files[2], &["images.example.com"]),
    ] {
        for path in paths {
            assert!(file.contains(path), "{path}");
        }
    }
}

/// nginx makes the last folder of a path, and no other.
#[test]
fn the_folders_that_nginx_writes_to_are_in_those_of_debians_package() {
    if find_nginx().is_none() {
        return;
    }
    if !Path::new("/etc/debian_version").exists() {
        skip("this nginx is not Debian's");
        return;
    }
    let site = fs::read_to_string(root().join("deploy/one-machine/nginx.conf")).unwrap();

    for directive in ["proxy_cache_path ", "access_log "] {
        let (_, rest) = site.split_once(directive).unwrap();
        let path = Path::new(rest.split_whitespace().next().unwrap());
        assert!(path.parent().unwrap().is_dir(), "{}", path.display());
    }
}

/// They look for no certificate, and for no site but this one.
#[test]
fn caddy_takes_its_file_as_the_guide_has_it_checked() {
    let Some(caddy) = find_caddy() else { return };
    let line = command("caddy validate ")
        .replacen("caddy", caddy, 1)
        .replace("/etc/caddy/Caddyfile", "deploy/one-machine/Caddyfile");
    let home = tempfile::tempdir().unwrap();

    let output = Command::new("sh")
        .args(["-c", &line])
        .current_dir(root())
        .env("HOME", home.path())
        .env_remove("XDG_DATA_HOME")
        .env_remove("XDG_CONFIG_HOME")
        .output()
        .unwrap();

    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
