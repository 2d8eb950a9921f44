//! What the host asks of TCP.

use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// How long a connection is silent before its peer is asked whether it is there.
const IDLE: Duration = Duration::from_mins(1);

/// How long a peer has for each answer to that.
const INTERVAL: Duration = Duration::from_secs(10);

/// Most bytes that wait in the kernel because a client takes none. Without a mark they are megabytes,
/// and it takes as long until the component sees how slow its client is.
#[cfg(any(target_os = "android", target_os = "linux"))]
const MAX_UNSENT: u32 = 128 << 10;

/// Sets up a client's connection. What the system does not know of it, it goes without.
pub fn prepare_inbound(stream: &TcpStream) {
    // Else the last packet of a small response waits for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    let _ = socket.set_tcp_keepalive(&keepalive());
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _ = socket.set_tcp_notsent_lowat(MAX_UNSENT);
}

/// Sets up a connection to another server.
///
/// # Errors
/// When it has ended.
pub fn prepare_outbound(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&keepalive())
}

/// So that a peer that vanished without a word is noticed.
fn keepalive() -> TcpKeepalive {
    TcpKeepalive::new().with_time(IDLE).with_interval(INTERVAL)
}
