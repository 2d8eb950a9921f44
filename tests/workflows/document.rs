//! Files of `.github` as values.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::{can_run, root};

/// All workflows, by their paths within the checkout.
pub fn paths() -> Vec<String> {
    let mut paths: Vec<_> = fs::read_dir(root().join(".github/workflows"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| format!(".github/workflows/{name}"))
        .collect();
    paths.sort();
    assert_eq!(paths.len(), 3, "{paths:?}");
    paths
}

/// The text of a file of the checkout.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Reads YAML.
pub struct Reader(PathBuf);

impl Reader {
    /// By the Python that `cargo xtask test --all` installs; without it, a test is skipped.
    pub fn find() -> Option<Self> {
        let python = std::env::var_os("DEPLOY_PYTHON");
        let what = "PyYAML, which `cargo xtask test --all` installs,";
        can_run(python.is_some(), what);
        python.map(|python| Self(python.into()))
    }

    pub fn value(&self, path: &str) -> Value {
        let script =
            "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
        let output = Command::new(&self.0)
            .args(["-c", script])
            .arg(root().join(path))
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{path}: {complaint}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Every job of every workflow.
    pub fn jobs(&self) -> Vec<Job> {
        let of = |path: String| {
            let workflow = self.value(&path);
            let jobs = workflow["jobs"].as_object().unwrap().clone();
            jobs.into_iter().map(move |(name, value)| Job {
                place: format!("{path}, {name}"),
                workflow: path.clone(),
                name,
                value,
            })
        };
        paths().into_iter().flat_map(of).collect()
    }
}

pub struct Job {
    /// To be named where something is wrong.
    pub place: String,
    /// The path of its workflow.
    pub workflow: String,
    pub name: String,
    pub value: Value,
}

impl Job {
    /// The lines of what its steps run, each a command or a part of one.
    pub fn commands(&self) -> Vec<String> {
        let steps = self.value["steps"].as_array();
        let scripts = steps
            .into_iter()
            .flatten()
            .filter_map(|step| step["run"].as_str());
        scripts
            .map(|script| script.replace("\\\n", " "))
            .flat_map(|script| script.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    /// The jobs that have to have succeeded before it starts.
    pub fn needs(&self) -> Vec<&str> {
        match &self.value["needs"] {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

/// Whether `path` is in the checkout.
pub fn is_here(path: impl AsRef<Path>) -> bool {
    root().join(path).exists()
}
