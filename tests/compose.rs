//! `deploy/compose.yaml`, `deploy/Dockerfile` and `.dockerignore`: what can be told of them without
//! Docker, and the same commands without containers.

mod dockerfile;
mod file;
mod mistakes;
mod rules;
mod running;

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Output};

use http::Request;
use image::{ImageFormat, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::images::gif;
use crate::harness::process::text;
use crate::harness::response::{Response, send};
use crate::harness::root;
use dockerfile::{Dockerfile, Ignored};
use file::{Compose, Tools};
use mistakes::MISTAKES;
use rules::Deployment;
use running::{Published, Running};

const COMPOSE: &str = "deploy/compose.yaml";
const DOCKERFILE: &str = "deploy/Dockerfile";
const IGNORED: &str = ".dockerignore";

#[test]
fn the_file_fits_the_schema_of_compose() {
    let Some(tools) = Tools::find() else { return };

    let output = against_the_schema(&tools, &root().join(COMPOSE));

    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn a_key_that_compose_does_not_know_is_refused() {
    let Some(tools) = Tools::find() else { return };
    for (find, replace) in [
        ("read_only: true", "readonly: true"),
        ("condition: service_healthy", "condition: healthy"),
        ("healthcheck:", "health_check:"),
    ] {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("compose.yaml");
        fs::write(&file, changed(COMPOSE, find, replace)).unwrap();

        let output = against_the_schema(&tools, &file);

        assert!(!output.status.success(), "{find} -> {replace}");
    }
}

#[test]
fn the_dockerfile_is_as_its_linter_wants_it() {
    let Some(tools) = Tools::find() else { return };

    let output = Command::new(tools.program("hadolint"))
        .args(["--failure-threshold", "style"])
        .arg(root().join(DOCKERFILE))
        .output()
        .unwrap();

    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(text(&output), "");
}

#[test]
fn each_service_is_confined_pinned_awaited_and_given_what_it_reads() {
    let Some(tools) = Tools::find() else { return };

    let faults = deployment(&tools, &[]).faults();

    assert_eq!(faults, [""; 0]);
}

#[test]
fn a_file_that_would_not_work_or_be_unsafe_is_refused_with_the_reason() {
    let Some(tools) = Tools::find() else { return };

    for (file, find, replace, reason) in MISTAKES {
        let faults = deployment(&tools, &[(file, find, replace)])
            .faults()
            .join("; ");

        assert!(faults.contains(reason), "{find} -> {replace:?}: {faults}");
    }
}

#[test]
fn a_folder_of_ones_own_takes_the_place_of_the_samples_and_is_only_read() {
    let Some(tools) = Tools::find() else { return };

    let compose = Compose::read(
        &tools,
        &root().join(COMPOSE),
        &[("IMAGES", "/home/me/Pictures")],
    );

    let mounts = compose.service("import").unwrap().mounts();
    let images = mounts.iter().find(|(_, place, _)| place == "/images");
    assert_eq!(
        images,
        Some(&("/home/me/Pictures".into(), "/images".into(), false))
    );
}

#[test]
fn every_file_and_stage_that_a_command_of_the_page_or_a_comment_names_exists() {
    let dockerfile = fs::read_to_string(root().join(DOCKERFILE)).unwrap();
    let stages = Dockerfile::parse(&dockerfile);
    let pages = ["docs/compose.md", COMPOSE, DOCKERFILE];
    let pages = pages.map(|page| fs::read_to_string(root().join(page)).unwrap());
    let text = pages.join("\n");
    let commands: Vec<_> = text
        .lines()
        .filter(|line| line.contains("docker "))
        .collect();
    let named = |option: &str| -> BTreeSet<_> {
        let after = commands.iter().flat_map(|line| line.split(option).skip(1));
        after
            .filter_map(|rest| rest.split_whitespace().next())
            .collect()
    };

    let (files, targets) = (
        &named("compose -f ") | &named("--file "),
        named("--target "),
    );

    assert_eq!(files, BTreeSet::from([COMPOSE, DOCKERFILE]));
    assert_eq!(targets, BTreeSet::from(["app", "tools"]));
    for target in targets {
        assert!(stages.stage(target).is_some(), "{target}");
    }
}

#[test]
fn docker_is_sent_a_workspace_that_cargo_understands() {
    let ignored = Ignored::parse(&fs::read_to_string(root().join(IGNORED)).unwrap());
    let context = TempDir::new().unwrap();
    for path in ignored.sent() {
        copy(path, &ignored, context.path());
    }

    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "metadata",
            "--locked",
            "--offline",
            "--no-deps",
            "--format-version",
            "1",
        ])
        .current_dir(context.path())
        .output()
        .unwrap();

    assert!(output.status.success(), "{}", text(&output));
    let packages: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = packages["packages"].as_array().unwrap();
    let names: BTreeSet<_> = packages
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    for built in ["image-proxy", "image-proxy-gallery", "image-proxy-import"] {
        assert!(names.contains(built), "{names:?}");
    }
    assert!(!ignored.sends("target") && !ignored.sends("runtime-config.toml"));
}

#[test]
fn the_services_commands_show_the_samples_in_a_gallery() {
    let Some(tools) = Tools::find() else { return };
    let published = Published::free();
    let (port, api_port) = (published.gallery.to_string(), published.api.to_string());
    let compose = Compose::read(
        &tools,
        &root().join(COMPOSE),
        &[("GALLERY_PORT", &port), ("API_PORT", &api_port)],
    );
    let dockerfile = Dockerfile::parse(&fs::read_to_string(root().join(DOCKERFILE)).unwrap());
    let mut running = Running::prepare(&tools, dockerfile, &published);
    let samples = running.volume("samples");
    write_most_of_the_samples(&samples);

    running.start(&compose);

    let gallery = format!("http://localhost:{port}");
    let page = get(&format!("http://127.0.0.1:{port}/"), &gallery);
    assert_eq!(page.headers["content-type"], "text/html");
    let config = json(&format!("http://127.0.0.1:{port}/config.json"));
    let api = config["api"].as_str().unwrap();
    assert_eq!(api, format!("http://127.0.0.1:{api_port}"));
    let pictures = json(&format!("http://127.0.0.1:{port}/gallery.json"));
    let pictures = pictures.as_array().unwrap();
    assert_eq!(pictures.len(), 6);
    for picture in pictures {
        let name = picture["name"].as_str().unwrap();
        let answer = get(
            &format!("{api}{}", picture["url"].as_str().unwrap()),
            &gallery,
        );
        assert!(
            answer.bytes() == fs::read(samples.join(name)).unwrap(),
            "{name}"
        );
        assert_eq!(
            answer.headers["access-control-allow-origin"],
            gallery.as_str()
        );
    }
    let sizes = pictures
        .iter()
        .filter_map(|picture| picture["sizes"].as_array());
    let size = &sizes.flatten().next().unwrap()["url"];
    get(&format!("{api}{}", size.as_str().unwrap()), &gallery);
}

/// All but one, which is drawn quickly: the others take long.
fn write_most_of_the_samples(folder: &Path) {
    for name in ["landscape.jpg", "orbits.gif", "plasma.webp", "sunset.jpg"] {
        fs::write(folder.join(name), gif(name, 1000)).unwrap();
    }
    let mut wide = Cursor::new(Vec::new());
    let pixels = RgbImage::from_fn(700, 20, |x, _| {
        image::Rgb([u8::try_from(x / 4).unwrap(), 0, 80])
    });
    pixels.write_to(&mut wide, ImageFormat::Png).unwrap();
    fs::write(folder.join("mandelbrot.png"), wide.into_inner()).unwrap();
}

fn json(url: &str) -> Value {
    serde_json::from_slice(get(url, url).bytes()).unwrap()
}

/// What a page of this origin is answered.
fn get(url: &str, origin: &str) -> Response {
    let request = Request::get(url).header("origin", origin).body("").unwrap();
    let response = send(request).unwrap();
    assert_eq!(response.status, 200, "{url}");
    response
}

/// The files, with what is found in one of them replaced.
fn deployment(tools: &Tools, changes: &[(&str, &str, &str)]) -> Deployment {
    let read = |file: &str| match changes.iter().find(|change| change.0 == file) {
        Some((_, find, replace)) => changed(file, find, replace),
        None => fs::read_to_string(root().join(file)).unwrap(),
    };
    let folder = TempDir::new().unwrap();
    let compose = folder.path().join("compose.yaml");
    fs::write(&compose, read(COMPOSE)).unwrap();
    Deployment {
        compose: Compose::read(tools, &compose, &[]),
        dockerfile: Dockerfile::parse(&read(DOCKERFILE)),
        ignored: Ignored::parse(&read(IGNORED)),
    }
}

fn changed(file: &str, find: &str, replace: &str) -> String {
    let before = fs::read_to_string(root().join(file)).unwrap();
    assert!(before.contains(find), "{file} has no {find}");
    before.replace(find, replace)
}

fn against_the_schema(tools: &Tools, file: &Path) -> Output {
    Command::new(tools.program("check-jsonschema"))
        .args(["--builtin-schema", "vendor.compose-spec"])
        .arg(file)
        .output()
        .unwrap()
}

/// What Docker is sent of this path.
fn copy(path: &str, ignored: &Ignored, to: &Path) {
    let (from, target) = (root().join(path), to.join(path));
    if !ignored.sends(path) {
        // Left out of the folder that it is in.
    } else if from.is_dir() {
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&format!("{path}/{}", name.to_str().unwrap()), ignored, to);
        }
    } else {
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from, target).unwrap();
    }
}
