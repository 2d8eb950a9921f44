//! `cargo xtask bench`: how fast images come, beside everything else that could serve them.

mod network;
mod peers;
mod program;
mod subject;
