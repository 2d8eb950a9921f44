//! A Redis server for one app's records, where Spin keeps its key-value store in one.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::wait_for;

/// A server that runs; it ends with its owner.
pub struct Redis {
    port: u16,
    process: Child,
}

impl Redis {
    /// The server that `REDIS_SERVER` names, if it does, with an empty store; its files in `folder`,
    /// and with these arguments of its own.
    pub fn start(folder: &Path, arguments: &[&str]) -> Option<Self> {
        let program = std::env::var_os("REDIS_SERVER")?;
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = Command::new(program)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", ""])
            .args(arguments)
            .arg("--dir")
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("Redis", || TcpStream::connect(("127.0.0.1", port)).ok());
        Some(Self { port, process })
    }

    /// Ends it, and what it holds with it.
    pub fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Where it is, for Spin's runtime configuration.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Sets a key.
    pub fn set(&self, key: &str, value: &[u8]) {
        assert_eq!(self.ask(&["-x", "SET", key], value), b"OK\n");
    }

    /// All keys.
    pub fn keys(&self) -> Vec<String> {
        let said = String::from_utf8(self.ask(&["KEYS", "*"], b"")).unwrap();
        said.lines().map(str::to_owned).collect()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Vec<u8> {
        let mut value = self.ask(&["GET", key], b"");
        // `redis-cli` ends it with a line break.
        value.pop();
        value
    }

    fn ask(&self, command: &[&str], value: &[u8]) -> Vec<u8> {
        let mut client = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        client.stdin.take().unwrap().write_all(value).unwrap();
        let output = client.wait_with_output().unwrap();
        assert!(output.status.success(), "redis-cli: {}", output.status);
        output.stdout
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
