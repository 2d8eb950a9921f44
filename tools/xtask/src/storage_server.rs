//! The storage servers that tests and measurements run on, besides the embedded one of each test.

mod minio;
mod seaweedfs;

use std::fs::File;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::{project, settings};

/// Longest that a server may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// What `--storage` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// A server within each test.
    Embedded,
    /// <https://github.com/minio/minio>
    Minio,
    /// <https://github.com/seaweedfs/seaweedfs>
    Seaweedfs,
    /// A server that runs already, at this origin.
    Url(String),
}

impl FromStr for Storage {
    type Err = &'static str;

    fn from_str(argument: &str) -> Result<Self, Self::Err> {
        match argument {
            "embedded" => Ok(Self::Embedded),
            "minio" => Ok(Self::Minio),
            "seaweedfs" => Ok(Self::Seaweedfs),
            url if url.starts_with("http://") => {
                Ok(Self::Url(url.trim_end_matches('/').to_owned()))
            }
            // Signed requests name the host that they were made for, so that what sees them on their
            // way works in plain HTTP alone.
            _ => Err("must be embedded, minio, seaweedfs or an http:// URL"),
        }
    }
}

/// A server, ready to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// The program of MinIO.
    Minio(PathBuf),
    /// The program of SeaweedFS.
    Seaweedfs(PathBuf),
    /// One that runs already.
    Url(String),
}

impl Server {
    /// What `storage` needs, installed where it is missing; nothing for the embedded server.
    ///
    /// # Errors
    /// When it cannot be installed; the text says what to do.
    pub fn ensure(storage: &Storage) -> anyhow::Result<Option<Self>> {
        Ok(match storage {
            Storage::Embedded => None,
            Storage::Minio => Some(Self::Minio(minio::ensure()?)),
            Storage::Seaweedfs => Some(Self::Seaweedfs(seaweedfs::ensure()?)),
            Storage::Url(url) => Some(Self::Url(url.clone())),
        })
    }

    /// What the tests' step is called.
    #[must_use]
    pub fn heading(&self) -> &'static str {
        match self {
            Self::Minio(_) => "storage tests on MinIO",
            Self::Seaweedfs(_) => "storage tests on SeaweedFS",
            Self::Url(_) => "storage tests on the storage that --storage names",
        }
    }

    /// Starts it on `address`, and waits until it listens; it may refuse objects for a while yet.
    ///
    /// # Errors
    /// When it does not; the text says where its own words are.
    pub fn start(&self, address: IpAddr) -> anyhow::Result<Running> {
        let log = project::root().join("target/storage.log");
        let folder = Folder::create("storage")?;
        let (mut command, endpoint) = match self {
            Self::Url(url) => return Ok(Running::of(Endpoint::from_environment(url)?)),
            Self::Minio(program) => {
                minio::command(program, &folder.0, address, Endpoint::generated())?
            }
            Self::Seaweedfs(program) => {
                seaweedfs::command(program, &folder.0, address, Endpoint::generated())?
            }
        };
        let output = File::create(&log).with_context(|| log.display().to_string())?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let mut running = Running {
            process: Some(command.spawn().context("the server cannot be started")?),
            _folder: Some(folder),
            endpoint,
        };
        running
            .wait()
            .with_context(|| format!("its words are in {}", project::shown(&log)))?;
        Ok(running)
    }
}

/// How a server is reached.
pub struct Endpoint {
    name: &'static str,
    origin: String,
    region: String,
    access_key_id: String,
    secret_access_key: String,
}

impl Endpoint {
    /// Credentials that nobody else has, so that tests can tell them from any other text.
    fn generated() -> Self {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        Self {
            name: "",
            origin: String::new(),
            region: "us-east-1".into(),
            access_key_id: format!("id{}", &unique[..16]),
            secret_access_key: format!("secret{unique}"),
        }
    }

    fn from_environment(url: &str) -> anyhow::Result<Self> {
        let told = |name: &str| {
            std::env::var(name).with_context(|| format!("{url} needs {name} in the environment"))
        };
        Ok(Self {
            name: "url",
            origin: url.to_owned(),
            region: std::env::var("AWS_REGION").unwrap_or_else(|_| "us-east-1".into()),
            access_key_id: told("AWS_ACCESS_KEY_ID")?,
            secret_access_key: told("AWS_SECRET_ACCESS_KEY")?,
        })
    }

    /// How a bucket of it is reached.
    #[must_use]
    pub fn bucket(&self, name: &str) -> settings::Storage {
        settings::Storage {
            endpoint: self.origin.clone(),
            region: self.region.clone(),
            bucket: name.to_owned(),
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.clone(),
            virtual_hosted: false,
            file: self.name.into(),
        }
    }

    fn authority(&self) -> &str {
        self.origin.trim_start_matches("http://")
    }

    /// What tells the tests of it.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, &str); 5] {
        [
            ("STORAGE_NAME", self.name),
            ("STORAGE_ENDPOINT", &self.origin),
            ("STORAGE_REGION", &self.region),
            ("STORAGE_ACCESS_KEY_ID", &self.access_key_id),
            ("STORAGE_SECRET_ACCESS_KEY", &self.secret_access_key),
        ]
    }
}

/// A server that runs; it ends with this value, unless it ran before.
pub struct Running {
    process: Option<Child>,
    _folder: Option<Folder>,
    /// How it is reached.
    pub endpoint: Endpoint,
}

impl Running {
    fn of(endpoint: Endpoint) -> Self {
        Self {
            process: None,
            _folder: None,
            endpoint,
        }
    }

    /// Its process, where it was started here.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let Err(refusal) = TcpStream::connect(self.endpoint.authority()) else {
                return Ok(());
            };
            if let Some(process) = &mut self.process
                && let Some(status) = process.try_wait()?
            {
                bail!("{} ended: {status}", self.endpoint.name);
            }
            if started.elapsed() > PATIENCE {
                let name = self.endpoint.name;
                return Err(refusal).with_context(|| format!("{name} does not listen"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A folder in `target` of its own, which goes with the value.
pub struct Folder(PathBuf);

impl Folder {
    /// # Errors
    /// When it cannot be made.
    pub fn create(of: &str) -> anyhow::Result<Self> {
        let name = format!("{of}-{}", uuid::Uuid::new_v4().simple());
        let path = project::root().join("target").join(name);
        std::fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Ports of `address` that nobody listens on.
///
/// # Errors
/// When it is not an address of this machine.
pub fn free_ports<const COUNT: usize>(address: IpAddr) -> anyhow::Result<[u16; COUNT]> {
    let mut listeners = Vec::new();
    let mut ports = [0; COUNT];
    for port in &mut ports {
        let listener = TcpListener::bind((address, 0))?;
        *port = listener.local_addr()?.port();
        // Kept until all are known, so that none is given twice.
        listeners.push(listener);
    }
    Ok(ports)
}

/// A command of a server, without the caller's settings for it.
fn server_command(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .args(arguments);
    command
}
