//! A way to a server that remembers what was asked on it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue};
use image_proxy_embedded_storage::SeenRequest;

/// Passes connections on, byte for byte, until it is stopped.
pub struct Relay {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    requests: Vec<SeenRequest>,
    /// Both ends of each connection; `None` once it is stopped.
    connections: Option<Vec<TcpStream>>,
}

impl Relay {
    /// A way to the server at `upstream`, an authority.
    pub fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            requests: Vec::new(),
            connections: Some(Vec::new()),
        }));
        let (shared, upstream) = (Arc::clone(&state), upstream.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.lock().unwrap().connections.is_none() {
                    return;
                }
                // A connection that breaks is the business of its two ends.
                let _ = connect(&shared, client, &upstream);
            }
        });
        Self { address, state }
    }

    /// Origin of the server, by this way.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, in order.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Ends all connections, and takes no more.
    pub fn stop(&self) {
        let connections = self.state.lock().unwrap().connections.take();
        for connection in connections.into_iter().flatten() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        // The listener learns of it at the next connection.
        let _ = TcpStream::connect(self.address);
    }
}

fn connect(state: &Arc<Mutex<State>>, client: TcpStream, upstream: &str) -> std::io::Result<()> {
    let server = TcpStream::connect(upstream)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
        if let Some(connections) = &mut state.lock().unwrap().connections {
            connections.push(stream.try_clone()?);
        }
    }
    let (from_client, to_client) = (client.try_clone()?, client);
    let (from_server, to_server) = (server.try_clone()?, server);
    let state = Arc::clone(state);
    std::thread::spawn(move || {
        let mut heads = Heads::default();
        pass(from_client, to_server, |bytes| {
            let requests = heads.read(bytes);
            state.lock().unwrap().requests.extend(requests);
            true
        });
    });
    std::thread::spawn(move || pass(from_server, to_client, |_| true));
    Ok(())
}

/// Until one side ends; bytes that are not to be `passed` are swallowed.
pub fn pass(mut from: TcpStream, mut to: TcpStream, mut passed: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..count];
        if passed(bytes) && to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

/// Heads of requests without bodies, which is all that the app sends.
#[derive(Default)]
struct Heads(Vec<u8>);

impl Heads {
    fn read(&mut self, bytes: &[u8]) -> Vec<SeenRequest> {
        self.0.extend(bytes);
        let mut requests = Vec::new();
        while let Some(end) = self.0.windows(4).position(|four| four == b"\r\n\r\n") {
            let head: Vec<_> = self.0.drain(..end + 4).collect();
            requests.push(parse(std::str::from_utf8(&head).unwrap()));
        }
        requests
    }
}

fn parse(head: &str) -> SeenRequest {
    let mut lines = head.lines();
    let mut request_line = lines.next().unwrap().split(' ');
    let mut next = || request_line.next().unwrap();
    let (method, path_and_query) = (next().parse().unwrap(), next().to_owned());
    let headers: HeaderMap = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| {
            let value = HeaderValue::from_str(value.trim()).unwrap();
            (HeaderName::try_from(name).unwrap(), value)
        })
        .collect();
    SeenRequest {
        method,
        path_and_query,
        headers,
    }
}
