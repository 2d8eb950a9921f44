//! `deploy/compose.yaml`, as Compose reads it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::dockerfile::words;
use crate::harness::can_run;

/// The programs from `PyPI` that read and check it, and SeaweedFS.
pub struct Tools {
    python: PathBuf,
}

impl Tools {
    /// None, where they are missing: then a test is skipped.
    pub fn find() -> Option<Self> {
        let python = std::env::var_os("DEPLOY_PYTHON");
        let what = "Python with PyYAML, which `cargo xtask test --all` installs,";
        can_run(python.is_some(), what);
        Some(Self {
            python: python?.into(),
        })
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.python.with_file_name(name)
    }

    fn yaml(&self, file: &Path) -> Value {
        let convert =
            "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
        let output = Command::new(&self.python)
            .args(["-c", convert])
            .arg(file)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// The file, with its variables replaced.
pub struct Compose {
    pub whole: Value,
    services: BTreeMap<String, Service>,
}

/// One service.
pub struct Service(Value);

impl Compose {
    /// As it is where the environment has these variables.
    pub fn read(tools: &Tools, file: &Path, environment: &[(&str, &str)]) -> Self {
        let whole = interpolated(tools.yaml(file), environment);
        let services = whole["services"].as_object().unwrap().clone();
        Self {
            services: services
                .into_iter()
                .map(|(name, service)| (name, Service(service)))
                .collect(),
            whole,
        }
    }

    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.get(name)
    }

    pub fn services(&self) -> impl Iterator<Item = (&str, &Service)> {
        self.services
            .iter()
            .map(|(name, service)| (name.as_str(), service))
    }

    /// The services, each after those that it waits for.
    pub fn in_order(&self) -> Vec<(&str, &Service)> {
        let mut order: Vec<(&str, &Service)> = Vec::new();
        while order.len() < self.services.len() {
            let is_in = |name: &str| order.iter().any(|(known, _)| *known == name);
            let next = self.services().find(|(name, service)| {
                !is_in(name) && service.dependencies().all(|(other, _)| is_in(other))
            });
            order.push(next.unwrap_or_else(|| panic!("services wait for each other")));
        }
        order
    }
}

impl Service {
    pub fn get(&self, key: &str) -> &Value {
        &self.0[key]
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.0[key].as_str()
    }

    pub fn list(&self, key: &str) -> Vec<String> {
        words(&self.0[key])
    }

    /// The stage of the Dockerfile that its image is.
    pub fn target(&self) -> Option<&str> {
        self.0["build"]["target"].as_str()
    }

    pub fn environment(&self) -> BTreeMap<String, String> {
        let variables = self.0["environment"].as_object().into_iter().flatten();
        variables
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect()
    }

    /// What it waits for, and for what of it.
    pub fn dependencies(&self) -> impl Iterator<Item = (&str, &Value)> {
        let dependencies = self.0["depends_on"].as_object().into_iter().flatten();
        dependencies.map(|(name, dependency)| (name.as_str(), dependency))
    }

    /// Whether it ends by itself.
    pub fn is_one_shot(&self) -> bool {
        self.text("restart") == Some("no")
    }

    /// Each volume or folder, where it is mounted, and whether it may be written to.
    pub fn mounts(&self) -> Vec<(String, String, bool)> {
        let volumes = self.list("volumes");
        let parts = volumes.iter().map(|volume| {
            let parts: Vec<_> = volume.split(':').collect();
            (parts[0].into(), parts[1].into(), !parts.contains(&"ro"))
        });
        parts.collect()
    }

    /// The words of the command that tells its health.
    pub fn healthcheck(&self) -> Option<Vec<String>> {
        let test = words(&self.0["healthcheck"]["test"]);
        (!test.is_empty()).then(|| test[1..].to_vec())
    }
}

/// `${NAME:-default}` and `$$`, the only forms in the file.
fn interpolated(value: Value, environment: &[(&str, &str)]) -> Value {
    match value {
        Value::String(text) => Value::String(filled_in(&text, environment)),
        Value::Array(list) => list
            .into_iter()
            .map(|value| interpolated(value, environment))
            .collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, interpolated(value, environment)))
            .collect(),
        other => other,
    }
}

fn filled_in(text: &str, environment: &[(&str, &str)]) -> String {
    let mut parts = text.split('$');
    let mut filled = parts.next().unwrap().to_owned();
    while let Some(part) = parts.next() {
        if part.is_empty() {
            filled.push('$');
            filled.push_str(parts.next().unwrap_or_default());
            continue;
        }
        let form = part.strip_prefix('{').and_then(|part| part.split_once('}'));
        let (variable, rest) = form.unwrap_or_else(|| panic!("${part} is of another form"));
        let (name, default) = variable.split_once(":-").unwrap();
        let given = environment.iter().find(|(known, _)| *known == name);
        filled.push_str(given.map_or(default, |(_, value)| value));
        filled.push_str(rest);
    }
    filled
}
