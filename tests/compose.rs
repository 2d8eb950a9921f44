//! `deploy/compose.yaml`, `deploy/Dockerfile` and `.dockerignore`: what can be told of them without
//! Docker, and the same commands without containers.

mod dockerfile;
mod file;
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
use crate::harness::response::{Response, send};
use crate::harness::root;
use dockerfile::{Dockerfile, Ignored};
use file::{Compose, Tools};
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

/// A file, what in it, by what it is replaced, and what is then said.
const MISTAKES: [(&str, &str, &str, &str); 29] = [
    (
        COMPOSE,
        "  read_only: true\n",
        "",
        "app: can write to its root",
    ),
    (
        COMPOSE,
        "cap_drop: [ALL]",
        "cap_drop: [NET_RAW]",
        "storage: keeps capabilities",
    ),
    (
        COMPOSE,
        "no-new-privileges:true",
        "seccomp:unconfined",
        "import: can gain privileges",
    ),
    (
        COMPOSE,
        "  init: true\n",
        "",
        "gallery: does not end when it is told to",
    ),
    (
        COMPOSE,
        "user: \"1000:1000\"",
        "user: \"0:0\"",
        "storage: runs as root",
    ),
    (
        DOCKERFILE,
        "USER 10001:10001\nEXPOSE",
        "EXPOSE",
        "app: runs as root",
    ),
    (
        DOCKERFILE,
        "USER 10001:10001\n",
        "USER root\n",
        "gallery: runs as root",
    ),
    (
        COMPOSE,
        "    network_mode: none\n",
        "    privileged: true\n",
        "samples: is given more than it needs",
    ),
    (
        COMPOSE,
        "\"127.0.0.1:${PORT",
        "\"${PORT",
        "gallery: is reached from other machines",
    ),
    (
        COMPOSE,
        "seaweedfs:4.47",
        "seaweedfs:latest",
        "storage: docker.io/chrislusf/seaweedfs:latest is not pinned to a version",
    ),
    (
        COMPOSE,
        "seaweedfs:4.47",
        "seaweedfs",
        "seaweedfs is not pinned to a version",
    ),
    (
        DOCKERFILE,
        "debian:12.15-slim",
        "debian:bookworm-slim",
        "debian:bookworm-slim is not pinned to a version",
    ),
    (
        DOCKERFILE,
        "spin:v4.0.2",
        "spin:canary",
        "spin:canary is not pinned to a version",
    ),
    (
        COMPOSE,
        "dockerfile: deploy/Dockerfile",
        "dockerfile: Dockerfile",
        "app: \"Dockerfile\" does not exist",
    ),
    (
        COMPOSE,
        "target: app",
        "target: application",
        "app: the Dockerfile has no stage application",
    ),
    (
        DOCKERFILE,
        "COPY spin.toml ./",
        "COPY spin.tml ./",
        "spin.tml does not exist",
    ),
    (
        DOCKERFILE,
        "COPY deploy/container.toml deploy/",
        "COPY deploy/container.toml ./",
        "deploy/container.toml is at another place in the image",
    ),
    (
        IGNORED,
        "!examples/gallery\n",
        "",
        "examples/gallery is not sent to Docker",
    ),
    (
        IGNORED,
        "!wit\n",
        "!wits\n",
        ".dockerignore: wits does not exist",
    ),
    (
        COMPOSE,
        "{condition: service_healthy}",
        "{condition: service_started}",
        "app: waits for storage without service_healthy",
    ),
    (
        COMPOSE,
        "samples: {condition: service_completed_successfully}",
        "samples: {condition: service_started}",
        "import: waits for samples without service_completed_successfully",
    ),
    (
        COMPOSE,
        "      samples: {condition: service_completed_successfully}\n",
        "",
        "import: does not wait for samples, which fills samples",
    ),
    (
        COMPOSE,
        ", required: false}",
        "}",
        "gallery: one refused picture would keep it from starting",
    ),
    (
        COMPOSE,
        "    healthcheck:\n",
        "    x-healthcheck:\n",
        "storage: nobody can tell whether it is healthy",
    ),
    (
        COMPOSE,
        "networks: [behind, front]",
        "networks: [front]",
        "import: cannot reach app",
    ),
    (
        COMPOSE,
        "http://storage:8333",
        "http://minio:8333",
        "app: cannot reach minio",
    ),
    (
        COMPOSE,
        "  SPIN_VARIABLE_S3_BUCKET:",
        "  SPIN_VARIABLE_S3_BUKET:",
        "app: s3_bucket is required and not supplied; app: SPIN_VARIABLE_S3_BUKET is not a variable of spin.toml; import: nothing reads SPIN_VARIABLE_S3_BUKET",
    ),
    (
        COMPOSE,
        "IMAGE_PROXY_RECORDS_TOKEN",
        "RECORDS_TOKEN",
        "import: nothing reads RECORDS_TOKEN",
    ),
    (
        COMPOSE,
        "\"records:/data\"",
        "\"record:/data\"",
        "app: mounts record, which is not a volume",
    ),
];

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
        &[("PORT", &port), ("API_PORT", &api_port)],
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
        .flat_map(|picture| picture["sizes"].as_array());
    let size = &sizes.flatten().next().unwrap()["url"];
    get(&format!("{api}{}", size.as_str().unwrap()), &gallery);
}

/// All but one, which is drawn quickly: the others take long.
fn write_most_of_the_samples(folder: &Path) {
    for name in ["landscape.jpg", "orbits.gif", "plasma.webp", "sunset.jpg"] {
        fs::write(folder.join(name), gif(name, 1000)).unwrap();
    }
    let mut wide = Cursor::new(Vec::new());
    let pixels = RgbImage::from_fn(700, 20, |x, _| image::Rgb([(x / 4) as u8, 0, 80]));
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
        return;
    }
    if from.is_dir() {
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&format!("{path}/{}", name.to_str().unwrap()), ignored, to);
        }
    } else {
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from, target).unwrap();
    }
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|stream| String::from_utf8_lossy(stream))
        .concat()
}
