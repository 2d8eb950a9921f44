//! A MinIO that speaks TLS, with a certificate of this run's authority.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use uuid::Uuid;

use super::can_run;
use super::storage::Credentials;
use super::tls::AUTHORITY;

/// Ends with the test.
pub struct Minio {
    process: Child,
    /// Its origin.
    pub endpoint: String,
    pub credentials: Credentials,
}

impl Minio {
    /// The program that `cargo xtask test --all` installs; without it, a test is skipped.
    pub fn find() -> Option<PathBuf> {
        let program = std::env::var_os("MINIO_BIN").map(PathBuf::from);
        let what = "MinIO, which `cargo xtask test --all` installs,";
        can_run(program.is_some(), what);
        program
    }

    /// One whose objects are in `folder`. It may still be starting.
    pub fn start(program: &Path, folder: &Path) -> Self {
        let (certificates, objects) = (folder.join("certificates"), folder.join("objects"));
        for folder in [&certificates, &objects] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let identity = AUTHORITY.certify(&["127.0.0.1"]);
        identity.write(&certificates, "public.crt", "private.key");
        let unique = Uuid::new_v4().simple().to_string();
        let credentials = Credentials {
            access_key_id: format!("id{}", &unique[..16]),
            secret_access_key: format!("secret{unique}"),
        };
        let address = free_address();
        let process = Command::new(program)
            .args(["server", "--quiet", "--address", &address, "--certs-dir"])
            .args([&certificates, &objects])
            .env_clear()
            .env("HOME", folder)
            .env("MINIO_ROOT_USER", &credentials.access_key_id)
            .env("MINIO_ROOT_PASSWORD", &credentials.secret_access_key)
            .env("MINIO_BROWSER", "off")
            .env("MINIO_UPDATE", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            process,
            endpoint: format!("https://{address}"),
            credentials,
        }
    }
}

impl Drop for Minio {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
