//! A Vault server with a key-value engine, as far as Spin's variables provider asks of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Values that change while an app runs.
pub struct Vault {
    address: SocketAddr,
    values: Arc<Mutex<BTreeMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Vault {
    /// Without any value.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let vault = Self {
            address: listener.local_addr().unwrap(),
            values: Arc::default(),
            asked: Arc::default(),
        };
        let (values, asked) = (Arc::clone(&vault.values), Arc::clone(&vault.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A client that hangs up has what it wanted.
                let _ = answer(&stream, &values, &asked);
            }
        });
        vault
    }

    /// Gives a variable its value, from the next time on that it is asked for.
    pub fn set(&self, name: &str, value: &str) {
        self.values
            .lock()
            .unwrap()
            .insert(name.into(), value.into());
    }

    /// The variables that were asked for, each as often as it was.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The table of a runtime configuration that names it.
    pub fn provider(&self) -> String {
        format!(
            "[[variables_provider]]\ntype = \"vault\"\nurl = \"http://{}\"\ntoken = \"token\"\nmount = \"secret\"\n",
            self.address
        )
    }
}

/// One request: `GET /v1/secret/data/NAME`.
fn answer(
    mut stream: &TcpStream,
    values: &Mutex<BTreeMap<String, String>>,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let path = path.trim_end_matches('?');
    let name = path.strip_prefix("/v1/secret/data/").unwrap_or_default();
    asked.lock().unwrap().push(name.to_owned());
    let value = values.lock().unwrap().get(name).cloned();
    let (status, body) = match value {
        Some(value) => ("200 OK", found(&value)),
        None => ("404 Not Found", serde_json::json!({ "errors": [] })),
    };
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn found(value: &str) -> serde_json::Value {
    let metadata = serde_json::json!({
        "created_time": "2024-01-01T00:00:00Z", "custom_metadata": null,
        "deletion_time": "", "destroyed": false, "version": 1,
    });
    serde_json::json!({
        "request_id": "1", "lease_id": "", "renewable": false, "lease_duration": 0,
        "data": { "data": { "value": value }, "metadata": metadata },
        "wrap_info": null, "warnings": null, "auth": null,
    })
}
