//! The unit of systemd: one that systemd takes, that leaves Spin what it needs and no more, and
//! whose command starts the application.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::harness::process::signal;
use crate::harness::{can_run, host, is_installed, manifest, root, source, wait_for, wasm};

use super::guide;

const UNIT: &str = "deploy/one-machine/image-proxy.service";
const SPIN: &str = "/usr/local/bin/spin";

/// Above 1.3 of 10, which is what Spin needs: the network, and executable memory.
const MOST_EXPOSED: &str = "13";

fn unit() -> String {
    fs::read_to_string(root().join(UNIT)).unwrap()
}

/// The values of a setting of the unit, in order.
fn values(setting: &str) -> Vec<String> {
    let unit = unit();
    let lines = unit.lines().filter_map(|line| line.split_once('='));
    lines
        .filter(|(name, _)| *name == setting)
        .map(|(_, value)| value.to_owned())
        .collect()
}

fn value(setting: &str) -> String {
    let [value] = &values(setting)[..] else {
        panic!("the unit has not one {setting}");
    };
    value.clone()
}

/// `systemd-analyze`; without it, a test is skipped.
fn analyze(arguments: &[&str], unit: &Path) -> Option<Output> {
    let what = "systemd-analyze, which `apt-get install systemd` installs,";
    if !can_run(is_installed("systemd-analyze"), what) {
        return None;
    }
    let mut command = Command::new("systemd-analyze");
    Some(command.args(arguments).arg(unit).output().unwrap())
}

#[track_caller]
fn assert_succeeded(output: &Output) {
    let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    assert!(output.status.success(), "{}", said.concat());
}

#[test]
fn systemd_takes_the_unit_without_a_warning() {
    // It looks for the programs, too.
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("image-proxy.service");
    let here = unit().replace(SPIN, host::program().to_str().unwrap());
    fs::write(&file, here).unwrap();

    let Some(output) = analyze(&["verify", "--man=no"], &file) else {
        return;
    };

    assert_succeeded(&output);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let of_the_unit: Vec<_> = said
        .lines()
        .filter(|line| line.contains("image-proxy"))
        .collect();
    assert!(of_the_unit.is_empty(), "{said}");
}

#[test]
fn the_unit_exposes_little_more_than_the_network() {
    let arguments = [
        "security",
        "--offline=true",
        "--no-pager",
        "--threshold",
        MOST_EXPOSED,
    ];

    let Some(output) = analyze(&arguments, &root().join(UNIT)) else {
        return;
    };

    assert_succeeded(&output);
}

#[test]
fn the_units_memory_is_enough_for_its_instances_which_outnumber_each_proxys_connections() {
    let gibibytes: u64 = value("MemoryMax").trim_end_matches('G').parse().unwrap();
    let environment = values("Environment");
    let instances = environment
        .iter()
        .find_map(|variable| variable.strip_prefix("SPIN_MAX_INSTANCE_COUNT="))
        .unwrap();
    let nginx = fs::read_to_string(root().join("deploy/one-machine/nginx.conf")).unwrap();
    let caddy = fs::read_to_string(root().join("deploy/one-machine/Caddyfile")).unwrap();
    let after = |text: &str, words: &str| -> u64 {
        let rest = text.split_once(words).unwrap().1;
        let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next();
        digits.unwrap().parse().unwrap()
    };
    let instances: u64 = instances.parse().unwrap();

    // docs/operate.md, "How many downloads at once".
    assert!((95 + 7 * instances) * 1_000_000 <= gibibytes << 30);
    for most in [
        after(&nginx, "max_conns="),
        after(&caddy, "max_conns_per_host "),
    ] {
        assert!(
            most < instances,
            "{most} connections, {instances} instances"
        );
    }
}

/// What the archive of a release holds, as far as the unit's command needs it.
fn write_release(folder: &Path) {
    let manifest = fs::read_to_string(manifest()).unwrap();
    let manifest = manifest.replace(&source(), "image_proxy.wasm");
    fs::write(folder.join("spin.toml"), manifest).unwrap();
    fs::copy(wasm(), folder.join("image_proxy.wasm")).unwrap();
    let schema = "migrations/0001_images.sql";
    fs::create_dir(folder.join("migrations")).unwrap();
    fs::copy(root().join(schema), folder.join(schema)).unwrap();
}

/// Ends with the test.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        signal(self.0.id(), "TERM");
        wait_for("its end", || self.0.try_wait().unwrap());
    }
}

/// Runs the unit's command in this folder as systemd would, and tells where it listens.
fn start(folder: &Path) -> (Started, String) {
    let credentials = folder.join("credentials");
    let state = folder.join("state");
    for folder in [&credentials, &state] {
        fs::create_dir(folder).unwrap();
    }
    fs::write(credentials.join("settings.toml"), guide::settings()).unwrap();
    let program = host::program().display().to_string();
    let command = value("ExecStart")
        .replace(SPIN, &format!("'{program}'"))
        .replace("127.0.0.1:3000", "127.0.0.1:0");
    let cache = folder.join("cache").display().to_string();
    let environment = values("Environment");
    let environment = environment.iter().map(|variable| {
        let (name, value) = variable.split_once('=').unwrap();
        (name, value.replace("%C/image-proxy", &cache))
    });
    let mut process = Command::new("sh")
        .args(["-c", &format!("exec {command}")])
        .current_dir(folder)
        .envs(environment)
        .env("CREDENTIALS_DIRECTORY", credentials)
        .env("STATE_DIRECTORY", state)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let started = Started(process);
    let mut lines = lines.map_while(Result::ok);
    let address = lines.find_map(|line| line.strip_prefix("Serving http://").map(str::to_owned));
    // What else it says has a reader as long as it lasts.
    std::thread::spawn(move || lines.for_each(drop));
    (started, address.unwrap())
}

#[test]
fn the_units_command_starts_a_release_with_the_guides_settings_until_it_is_ready() {
    let what = "curl, which `apt-get install curl` installs,";
    if !can_run(is_installed("curl"), what) {
        return;
    }
    let folder = TempDir::new().unwrap();
    write_release(folder.path());

    let (_started, address) = start(folder.path());
    let wait = value("ExecStartPost").replace("127.0.0.1:3000", &address);
    let output = Command::new("sh").args(["-c", &wait]).output().unwrap();

    assert_succeeded(&output);
    let state = folder.path().join("state");
    assert!(
        state.join("sqlite_db.db").is_file(),
        "no records are where backups look"
    );
    assert!(
        !state.join("logs").exists(),
        "lines are in files, not in the journal"
    );
}
