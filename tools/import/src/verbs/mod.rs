//! What the program does, one file a verb.

pub mod import;
pub mod records;
pub mod remove;
pub mod verify;
pub mod warm;

mod on_each;
