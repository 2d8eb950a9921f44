//! A server whose errors have no end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most that is sent to a client which does not read all: what the buffers of a few connections hold.
pub const BUFFERED: usize = 64 << 20;

/// Answers every request with a 403 that goes on for as long as somebody takes it.
pub struct Endless {
    endpoint: String,
    taken: Arc<AtomicUsize>,
}

impl Endless {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let count = Arc::clone(&count);
                // Every connection ends by an error, that of its client's end.
                std::thread::spawn(move || drop(answer(client, &count)));
            }
        });
        Self { endpoint, taken }
    }

    /// Origin of the server.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Bytes of errors that its clients, or the system for them, have taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

fn answer(mut client: TcpStream, taken: &AtomicUsize) -> std::io::Result<()> {
    let _ = client.read(&mut [0; 4096])?;
    client.write_all(b"HTTP/1.1 403 -\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    let piece = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
    loop {
        client.write_all(piece.as_bytes())?;
        taken.fetch_add(piece.len(), Ordering::Relaxed);
    }
}
