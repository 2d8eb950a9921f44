//! A subject that runs, and where it can be asked.

use std::net::SocketAddr;

use crate::program::Program;

/// A subject that runs.
pub struct Served {
    /// Its process; `None` for storage itself, which runs anyway.
    pub program: Option<Program>,
    /// One URL for each of [`Site::objects`], in their order.
    pub urls: Vec<String>,
    /// A URL that is nobody's; `None` where it is not asked for one.
    pub unknown_path: Option<UnknownPath>,
}

/// A path that no route has.
pub struct UnknownPath {
    /// Its URL.
    pub url: String,
    /// The status of the answer to it.
    pub status: u16,
}

impl UnknownPath {
    /// One of a server that answers with this status.
    pub fn at(server: SocketAddr, status: u16) -> Self {
        Self {
            url: format!("http://{server}/unknown"),
            status,
        }
    }
}
