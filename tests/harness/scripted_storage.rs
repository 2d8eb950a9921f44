//! A storage server that says exactly what a test wants said, down to the byte.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::storage::Credentials;

/// What is done with one request.
#[derive(Debug, Clone)]
pub enum Step {
    /// These bytes are sent, and the connection stays open.
    Send(String),
    /// These bytes are sent, and the connection is closed.
    SendAndClose(String),
}

impl Step {
    /// A whole answer of this status.
    pub fn status(status: u16, fields: &str) -> Self {
        Self::Send(format!(
            "HTTP/1.1 {status} -\r\n{fields}Content-Length: 0\r\n\r\n"
        ))
    }

    /// An object of `promised` bytes, of which `body` is sent.
    pub fn object(promised: usize, body: &str) -> Self {
        Self::Send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {promised}\r\n\r\n{body}"
        ))
    }

    /// As it is, and the connection is closed after it.
    pub fn and_close(self) -> Self {
        let (Self::Send(bytes) | Self::SendAndClose(bytes)) = self;
        Self::SendAndClose(bytes)
    }
}

/// Takes one step for each request.
pub struct ScriptedStorage {
    endpoint: String,
    script: Arc<Mutex<Script>>,
}

struct Script {
    steps: std::vec::IntoIter<Step>,
    requests: Vec<String>,
    connections: usize,
}

impl ScriptedStorage {
    /// Requests beyond the last step are met with a closed connection.
    pub fn start(steps: impl Into<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script {
            steps: steps.into().into_iter(),
            requests: Vec::new(),
            connections: 0,
        }));
        let shared = Arc::clone(&script);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let script = Arc::clone(&shared);
                script.lock().unwrap().connections += 1;
                // A connection that breaks is what many tests are about.
                std::thread::spawn(move || drop(follow(&script, stream)));
            }
        });
        Self { endpoint, script }
    }

    /// Origin of the server.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Credentials that it does not look at.
    pub fn credentials() -> Credentials {
        Credentials {
            access_key_id: "scriptedid".into(),
            secret_access_key: "scriptedsecret".into(),
        }
    }

    /// The heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.script.lock().unwrap().requests.clone()
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.script.lock().unwrap().connections
    }
}

fn follow(script: &Mutex<Script>, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some(head) = read_head(&mut reader)? {
        let step = {
            let mut script = script.lock().unwrap();
            script.requests.push(head);
            script.steps.next()
        };
        match step {
            Some(Step::Send(bytes)) => writer.write_all(bytes.as_bytes())?,
            Some(Step::SendAndClose(bytes)) => return writer.write_all(bytes.as_bytes()),
            None => return Ok(()),
        }
    }
    Ok(())
}

/// `None` when the client has closed the connection.
pub(super) fn read_head(reader: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut head = String::new();
    loop {
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        if head.ends_with("\r\n\r\n") {
            return Ok(Some(head));
        }
    }
}
