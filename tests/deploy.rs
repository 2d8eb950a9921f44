//! The manifests of `deploy/spinkube` and the guide to them, by the tools that a cluster's owner has.

mod hosted;
mod verbs;
mod versions;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::process::text;
use crate::harness::{can_run, folder, is_installed, root, say, skip};

const MANIFESTS: &str = "deploy/spinkube";
const OVERLAYS: [&str; 2] = ["aws", "minio-demo"];
/// The guide, page by page.
const GUIDE: [&str; 4] = [
    "docs/deploy.md",
    "docs/spinkube.md",
    "docs/hosted-spin.md",
    "docs/operate.md",
];

#[test]
fn every_document_of_every_overlay_fits_its_schema_the_others_and_spin_toml() {
    let Some(tools) = Tools::find() else { return };

    let output = tools.validate(&[]);

    let report = text(&output);
    say(report.trim_end());
    assert!(output.status.success(), "{report}");
    for overlay in OVERLAYS {
        for subject in ["SpinApp image-proxy", "probes", "variables of spin.toml"] {
            assert!(
                report.contains(&format!("{overlay}: {subject}: ok")),
                "nothing is said of {overlay}, {subject}"
            );
        }
    }
}

/// A file, what in it, by what it is replaced, and what is then said.
const MISTAKES: [(&str, &str, &str, &str); 22] = [
    (
        "base/spin-app.yaml",
        "initialDelaySeconds: 1\n",
        "initialDelay: 1\n",
        "SpinApp image-proxy: spec.checks.readiness: Additional properties are not allowed",
    ),
    (
        "base/spin-app.yaml",
        "path: /readyz",
        "path: /.well-known/spin/health",
        "readiness asks /.well-known/spin/health, not /readyz: pods with a broken setting would replace good ones",
    ),
    (
        "base/spin-app.yaml",
        "path: /.well-known/spin/health",
        "path: /readyz",
        "liveness asks /readyz, not /.well-known/spin/health: pods would be restarted for a store that is gone",
    ),
    (
        "base/spin-app.yaml",
        "timeoutSeconds: 6",
        "timeoutSeconds: 5",
        "readiness ends within 5 s, for which a locked database is waited for",
    ),
    (
        "base/disruption-budget.yaml",
        "maxUnavailable",
        "maxUnavailible",
        "PodDisruptionBudget image-proxy: spec: Additional properties are not allowed",
    ),
    (
        "base/spin-app.yaml",
        "name: s3_bucket\n",
        "name: s3_buket\n",
        "s3_bucket is required and not supplied; s3_buket does not exist",
    ),
    (
        "base/spin-app.yaml",
        "secretKeyRef: {name: image-proxy-records,",
        "configMapKeyRef: {name: image-proxy-settings,",
        "records_token is secret and comes from no Secret",
    ),
    (
        "overlays/minio-demo/kustomization.yaml",
        "- token=",
        "- tokn=",
        "nothing reads tokn",
    ),
    (
        "overlays/aws/kustomization.yaml",
        "s3_bucket=",
        "s3_buket=",
        "nothing reads s3_buket",
    ),
    (
        "overlays/aws/kustomization.yaml",
        "s3_bucket=",
        "s3_buket=",
        "has no key s3_bucket",
    ),
    (
        "base/spin-app.yaml",
        "name: log\n",
        "name: s3_bucket\n",
        "log cannot be set: the SpinApp does not read it",
    ),
    (
        "deployment.yaml",
        "name: image-proxy\n",
        "name: proxy\n",
        "there is no container proxy: the operator calls it image-proxy",
    ),
    (
        "overlays/aws/image.yaml",
        "@sha256:",
        ":",
        "is not named by its digest",
    ),
    (
        "overlays/aws/kustomization.yaml",
        "\npatches:",
        "\nunpatched:",
        "unknown field \"unpatched\"",
    ),
    (
        "overlays/aws/kustomization.yaml",
        "\nconfigMapGenerator:",
        "\nsecretGenerator: [{name: image-proxy-metadata, literals: [url=https://db, token=t]}]\nconfigMapGenerator:",
        "has its values in a file",
    ),
    (
        "components/metadata-libsql/kustomization.yaml",
        "metadata_store=sqlite",
        "metadata_store=key-value",
        "keyValueStores configures no store `default`",
    ),
    (
        "components/metadata-libsql/spin-app.yaml",
        "- name: default",
        "- name: images",
        "sqliteDatabases: images is not granted",
    ),
    (
        "components/autoscaling/spin-app.yaml",
        "  replicas: null\n",
        "",
        "replicas cannot be set when autoscaling is enabled",
    ),
    (
        "components/autoscaling/horizontal-pod-autoscaler.yaml",
        "name: image-proxy\n  minReplicas",
        "name: other\n  minReplicas",
        "scales something else than Deployment image-proxy",
    ),
    (
        "base/network-policy.yaml",
        "app-name: image-proxy",
        "app-name: other",
        "NetworkPolicy image-proxy selects other pods",
    ),
    (
        "base/ingress.yaml",
        "number: 80",
        "number: 8080",
        "leads elsewhere than to Service image-proxy, port 80",
    ),
    (
        "base/spin-app.yaml",
        "executor: containerd-shim-spin",
        "executor: other",
        "there is no executor other",
    ),
];

#[test]
fn a_manifest_that_would_not_work_is_refused_with_the_reason() {
    let Some(tools) = Tools::find() else { return };

    for (file, find, replace, reason) in MISTAKES {
        let manifests = copy_of_the_manifests();
        folder::change(&manifests.path().join(file), find, replace);

        let overlays = OVERLAYS.map(|overlay| manifests.path().join("overlays").join(overlay));
        let output = tools.validate(&overlays);

        let report = text(&output);
        assert!(!output.status.success(), "{find} -> {replace:?}: {report}");
        assert!(report.contains(reason), "{find} -> {replace:?}: {report}");
    }
}

#[test]
fn records_move_to_another_store_by_one_line_of_an_overlay() {
    let Some(tools) = Tools::find() else { return };
    let manifests = copy_of_the_manifests();
    folder::change(
        &manifests.path().join("overlays/aws/kustomization.yaml"),
        "metadata-libsql",
        "metadata-redis",
    );

    let output = tools.validate(&[manifests.path().join("overlays/aws")]);

    let report = text(&output);
    assert!(output.status.success(), "{report}");
    assert!(report.contains("needs Secret image-proxy-metadata with url\n"));
}

#[test]
fn the_patches_that_the_guide_gives_for_an_overlay_fit_it() {
    let Some(tools) = Tools::find() else { return };
    let patches = patches();
    assert_eq!(patches.len(), 2, "{patches:?}");

    for patch in patches {
        let manifests = copy_of_the_manifests();
        let overlay = manifests.path().join("overlays/aws");
        folder::change(
            &overlay.join("kustomization.yaml"),
            "\npatches:\n",
            &format!("\npatches:\n{patch}"),
        );

        let output = tools.validate(&[overlay]);

        assert!(output.status.success(), "{patch}{}", text(&output));
    }
}

#[test]
fn the_guide_makes_every_secret_that_the_manifests_need_or_may_have() {
    let Some(tools) = Tools::find() else { return };

    let report = text(&tools.validate(&[]));

    let told = |words: &str| -> Vec<_> {
        let lines = report.lines().filter_map(|line| line.split_once(words));
        lines
            .filter_map(|(_, secret)| secret.split_once(" with "))
            .collect()
    };
    let (needed, optional) = (told(": needs Secret "), told(": may have Secret "));
    assert!(!needed.is_empty(), "{report}");
    assert_eq!(optional, [("image-proxy-records", "token")], "{report}");
    for (secret, keys) in [needed, optional].concat() {
        let made = commands("kubectl").into_iter().find_map(|command| {
            Some(
                command
                    .split_once(&format!("create secret generic {secret} "))?
                    .1
                    .to_owned(),
            )
        });
        let made = made.unwrap_or_else(|| panic!("the guide does not make {secret}"));
        for key in keys.split(", ") {
            assert!(made.contains(&format!("--from-literal={key}=")), "{key}");
        }
    }
}

#[test]
fn the_guides_renderings_run_as_they_are_written() {
    let Some(tools) = Tools::find() else { return };
    let renderings: BTreeSet<_> = commands("kubectl kustomize ").into_iter().collect();
    assert_eq!(renderings.len(), 2, "{renderings:?}");

    for rendering in renderings {
        let output = Command::new(tools.kubectl())
            .current_dir(root())
            .args(rendering.split_whitespace().skip(1))
            .output()
            .unwrap();

        assert!(output.status.success(), "{rendering}: {}", text(&output));
    }
}

/// With `--help`, kubectl refuses flags that it does not know, and asks no cluster.
#[test]
fn every_kubectl_command_of_the_guide_has_only_flags_that_exist() {
    let Some(tools) = Tools::find() else { return };
    let commands = commands("kubectl ");
    assert!(commands.len() > 10, "{commands:?}");

    for command in commands {
        let end = [" | ", " < ", " &", " -- "]
            .iter()
            .filter_map(|end| command.find(end))
            .min();
        let own = &command["kubectl ".len()..end.unwrap_or(command.len())];

        let output = Command::new("sh")
            .args(["-c", &format!("exec \"$0\" {own} --help")])
            .arg(tools.kubectl())
            .env("KUBECONFIG", "/dev/null")
            .output()
            .unwrap();

        assert!(output.status.success(), "{command}: {}", text(&output));
    }
}

#[test]
fn the_guides_schema_is_sql_that_can_be_run_again() {
    let files: BTreeSet<_> = paths()
        .into_iter()
        .filter(|path| {
            Path::new(path)
                .extension()
                .is_some_and(|extension| extension == "sql")
        })
        .collect();
    assert!(!files.is_empty());

    let database = rusqlite::Connection::open_in_memory().unwrap();
    for _ in 0..2 {
        for file in &files {
            let statements = fs::read_to_string(root().join(file)).unwrap();
            database.execute_batch(&statements).unwrap();
        }
    }

    let columns = "SELECT id, storage_key, mime_type, hash, size_bytes FROM images";
    assert!(database.prepare(columns).is_ok());
}

#[test]
fn the_guides_line_for_the_log_tells_the_failures_of_the_last_hour_and_their_causes() {
    let what = "jq, which `apt-get install jq` installs,";
    if !can_run(is_installed("jq"), what) {
        return;
    }
    let [line] = &commands("jq ")[..] else {
        panic!("the guide has not one line of jq");
    };
    let (recent, old) = (minutes_ago(10), minutes_ago(70));
    let log = [
        format!(r#"{{"time":"{recent}","level":"info","status":200,"request_id":"fine"}}"#),
        format!(r#"{{"time":"{old}","level":"error","status":500,"request_id":"old"}}"#),
        entry(
            &recent,
            "error",
            500,
            "storage_error",
            "no answer\twithin limits",
        ),
        "Serving http://127.0.0.1:3000".to_owned(),
        String::new(),
        "5".to_owned(),
        r#"{"level":"error","time":"then"}"#.to_owned(),
        r#"{"level":"error"}"#.to_owned(),
        entry(&recent, "warn", 206, "storage_error", "the stream broke"),
    ];
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("image-proxy.log"), log.join("\n")).unwrap();

    let output = Command::new("sh")
        .current_dir(folder.path())
        .args(["-c", line])
        .output()
        .unwrap();

    let told = [
        format!("{recent}\terror\t500\tGET\t/x\tstorage_error\tone\tno answer\\twithin limits\n"),
        format!("{recent}\twarn\t206\tGET\t/x\tstorage_error\tone\tthe stream broke\n"),
    ];
    assert_eq!(text(&output), told.concat());
    assert!(output.status.success());
}

/// A line of the log, of a request that failed.
fn entry(time: &str, level: &str, status: u16, code: &str, cause: &str) -> String {
    serde_json::json!({
        "time": time, "level": level, "status": status, "code": code, "cause": cause,
        "method": "GET", "path": "/x", "request_id": "one",
    })
    .to_string()
}

/// As the log writes it, to the nanosecond.
fn minutes_ago(minutes: u32) -> String {
    let query = "SELECT strftime('%Y-%m-%dT%H:%M:%S.123456789Z', 'now', ?)";
    let database = rusqlite::Connection::open_in_memory().unwrap();
    let before = format!("-{minutes} minutes");
    database
        .query_one(query, [before], |row| row.get(0))
        .unwrap()
}

#[test]
fn every_file_that_the_guide_names_exists() {
    let paths = paths();
    assert!(paths.len() > 5, "{paths:?}");

    for path in paths {
        assert!(root().join(&path).exists(), "the guide names {path}");
    }
}

/// A Python with what `deploy/spinkube/requirements.txt` lists, and SpinKube's CRDs.
struct Tools {
    python: PathBuf,
    crds: PathBuf,
}

impl Tools {
    /// None, where one of them is missing: then a test is skipped.
    fn find() -> Option<Self> {
        let python = std::env::var_os("DEPLOY_PYTHON");
        let what = "kubectl, which `cargo xtask test --all` installs,";
        can_run(python.is_some(), what);
        let python = PathBuf::from(python?);
        let Some(crds) = crds() else {
            // No package registry has them, so that not every machine can.
            skip("SpinKube's CRDs are missing: docs/spinkube.md shows how to download them");
            return None;
        };
        Some(Self { python, crds })
    }

    fn validate(&self, overlays: &[PathBuf]) -> Output {
        Command::new(&self.python)
            .arg(root().join(MANIFESTS).join("validate.py"))
            .args([OsString::from("--crds"), self.crds.clone().into()])
            .args(overlays)
            .output()
            .unwrap()
    }

    fn kubectl(&self) -> PathBuf {
        self.python.with_file_name("kubectl")
    }
}

/// The folder of SpinKube's CRDs: the one that `SPINKUBE_CRDS` names, else that of the guide's command,
/// else one beside the checkout.
fn crds() -> Option<PathBuf> {
    let named = std::env::var_os("SPINKUBE_CRDS").map(PathBuf::from);
    let usual = ["target/spinkube-crds", "../shared/spinkube-crds"].map(|path| root().join(path));
    named
        .into_iter()
        .chain(usual)
        .find(|folder| folder.is_dir())
}

fn copy_of_the_manifests() -> TempDir {
    let copy = TempDir::new().unwrap();
    folder::copy(&root().join(MANIFESTS), copy.path());
    copy
}

fn guide() -> String {
    GUIDE
        .map(|page| fs::read_to_string(root().join(page)).unwrap())
        .join("\n")
}

/// The guide's command lines that begin like this.
fn commands(beginning: &str) -> Vec<String> {
    let guide = guide();
    guide
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(beginning))
        .map(str::to_owned)
        .collect()
}

/// The guide's blocks of YAML that are entries of `patches`, indented as those of the overlays.
fn patches() -> Vec<String> {
    let guide = guide();
    let mut patches = Vec::new();
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "```yaml" {
            continue;
        }
        let block: Vec<_> = lines
            .by_ref()
            .take_while(|line| line.trim() != "```")
            .collect();
        let indent = block[0].len() - block[0].trim_start().len();
        if block[0].trim_start().starts_with("- target:") {
            let lines = block.iter().map(|line| format!("  {}\n", &line[indent..]));
            patches.push(lines.collect());
        }
    }
    patches
}

/// The project's files and folders that the guide names by their path.
fn paths() -> BTreeSet<String> {
    let guide = guide();
    guide
        .split(|character: char| character.is_whitespace() || "`@()\"".contains(character))
        .map(|word| word.trim_end_matches(['.', ',', ';', ':']))
        .filter(|word| {
            let folders = ["deploy/", "migrations/", "tools/"];
            folders.iter().any(|folder| word.starts_with(folder))
        })
        .map(str::to_owned)
        .collect()
}
