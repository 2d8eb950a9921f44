//! Clients that share no code with this repository: scripts on boto3.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::tls::AUTHORITY;
use super::{Storage, can_run, root};

/// A Python that has boto3.
pub struct Boto3(String);

impl Boto3 {
    /// The one that `cargo xtask test --all` installs; without it, a test is skipped.
    pub fn find() -> Option<Self> {
        let python = std::env::var("DEPLOY_PYTHON").ok();
        let what = "boto3, which `cargo xtask test --all` installs,";
        can_run(python.is_some(), what);
        python.map(Self)
    }

    /// What the script of this name in `tests/` answers, told of `storage` and `order`.
    pub fn run(&self, script: &str, storage: &Storage, order: &Value) -> Value {
        let mut told = json!({
            "endpoint": storage.direct_endpoint(),
            "region": storage.region,
            "access_key_id": storage.credentials.access_key_id,
            "secret_access_key": storage.credentials.secret_access_key,
        });
        let fields = order.as_object().unwrap().clone();
        told.as_object_mut().unwrap().extend(fields);
        let authority = storage.scratch_folder().join("authority.pem");
        AUTHORITY.write_certificate(&authority);
        let mut script = Command::new(&self.0)
            .arg(root().join("tests").join(script))
            .env("AWS_CA_BUNDLE", authority)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = script.stdin.take().unwrap();
        input.write_all(told.to_string().as_bytes()).unwrap();
        drop(input);
        let output = script.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", output.status);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
