//! Commands that a page tells, and a shell that runs them as they are written: in an empty home, where nothing
//! is installed but what an archive has.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use http::Request;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::harness::images::hex;
use crate::harness::response::send;
use crate::harness::{can_run, host, is_installed, wait_for};

/// The code under a heading, block by block.
pub fn blocks(page: &str, heading: &str) -> Vec<String> {
    let (_, section) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let code = section.split("```sh\n").skip(1);
    code.map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// The one block of a page that has this in it.
pub fn block(page: &str, with: &str) -> String {
    let code = page.split("```sh\n").skip(1);
    let mut blocks = code
        .map(|rest| rest.split("```").next().unwrap())
        .filter(|block| block.contains(with));
    let block = blocks
        .next()
        .unwrap_or_else(|| panic!("no block has {with}"));
    block.to_owned()
}

/// A home of a test's own, with ports of its own.
pub struct Shell {
    home: TempDir,
    application: SocketAddr,
    storage: SocketAddr,
}

/// What a shell's commands have said when the last of them ended; those in the background go on until this
/// is dropped.
pub struct Ended<'a> {
    shell: &'a Shell,
    /// Of all that were started.
    group: u32,
    output: String,
}

impl Shell {
    /// None, where a program of the commands' is missing: then a test is skipped.
    pub fn new() -> Option<Self> {
        for program in ["curl", "sha256sum"] {
            let what = format!("{program}, which the README's lines call,");
            if !can_run(is_installed(program), &what) {
                return None;
            }
        }
        // Both at once, so that they differ.
        let free = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let [application, storage] = free.map(|port| port.local_addr().unwrap());
        let shell = Self {
            home: TempDir::new().unwrap(),
            application,
            storage,
        };
        for folder in ["bin", "work", "Pictures"] {
            fs::create_dir(shell.home.path().join(folder)).unwrap();
        }
        shell.link("spin", &host::program());
        Some(shell)
    }

    /// Where commands are run.
    pub fn folder(&self) -> std::path::PathBuf {
        self.home.path().join("work")
    }

    /// Makes a program known by this name.
    pub fn link(&self, name: &str, program: &Path) {
        symlink(program, self.home.path().join("bin").join(name)).unwrap();
    }

    /// Puts these into `~/Pictures`, and returns their SHA-256.
    pub fn pictures(&self, pictures: &[(&str, Vec<u8>)]) -> BTreeSet<String> {
        let folder = self.home.path().join("Pictures");
        let written = pictures.iter().map(|(name, bytes)| {
            fs::write(folder.join(name), bytes).unwrap();
            hex(&Sha256::digest(bytes))
        });
        written.collect()
    }

    /// The line that makes the example of settings name this test's storage.
    pub fn on_own_ports(&self) -> String {
        let edit = format!("s/127.0.0.1:9000/{}/", self.storage);
        format!("sed -i '{edit}' runtime-config.toml")
    }

    /// Runs the lines one after the other, on ports of the test's own, until one fails or all have ended.
    pub fn run(&self, lines: &str) -> Ended<'_> {
        let lines = lines.replace("127.0.0.1:3000", &self.application.to_string());
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}/bin:{path}", self.home.path().display());
        // What goes on in the background would hold a pipe open.
        let output = self.home.path().join("output");
        let file = File::create(&output).unwrap();
        let mut shell = Command::new("sh");
        shell
            .args(["-e", "-c", &lines])
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.home.path())
            .env("SPIN_HTTP_LISTEN_ADDR", self.application.to_string())
            .env("STORAGE_LISTEN_ADDR", self.storage.to_string())
            .stdin(Stdio::null())
            .stderr(file.try_clone().unwrap())
            .stdout(file)
            .process_group(0);
        let mut shell = shell.spawn().unwrap();
        let mut ended = Ended {
            shell: self,
            group: shell.id(),
            output: String::new(),
        };
        let status = wait_for("the end of the lines", || shell.try_wait().unwrap());
        ended.output = fs::read_to_string(output).unwrap();
        assert!(status.success(), "{lines}\n{}", ended.output);
        ended
    }
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let group = format!("-{}", self.group);
        let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
        for address in [self.shell.application, self.shell.storage] {
            wait_for("the end of what was started", || {
                TcpStream::connect(address).is_err().then_some(())
            });
        }
    }
}

/// The line that waits for the application.
pub fn until_ready() -> String {
    "curl --silent --retry 30 --retry-delay 1 --retry-connrefused http://127.0.0.1:3000/readyz"
        .into()
}

/// The SHA-256 of the bytes at each URL that was printed.
pub fn served_after(ended: &Ended<'_>) -> BTreeSet<String> {
    let start = format!("http://{}/api/v1/images/", ended.shell.application);
    let words = ended.output.split_whitespace();
    let urls: BTreeSet<_> = words.filter(|word| word.starts_with(&start)).collect();
    assert!(!urls.is_empty(), "no URL was printed: {}", ended.output);
    let sums = urls.into_iter().map(|url| {
        let answer = send(Request::get(url).body("").unwrap()).unwrap();
        assert_eq!(answer.status, 200, "{url}");
        hex(&Sha256::digest(answer.bytes()))
    });
    sums.collect()
}
