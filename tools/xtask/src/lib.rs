//! The project's own commands, run as `cargo xtask <verb>`, and what they share with the benchmark.
//!
//! - the verbs, one file each: [`build`], `up`, `import`, `test`, `spin_test`, `bench`, `package`,
//!   `audit`, `release_notes`, `sbom`
//! - the application on this machine: [`settings`], [`host`], [`metadata_store`], [`wasi`], `data_folder`,
//!   `running`
//! - what is installed where it is missing: [`apt`], [`python`], `go`, `cargo_deny`, `wasm_target`, [`storage_server`]
//! - other programs: [`process`], [`cargo`], [`installed`], `with_parent`; their places: [`project`]

pub mod apt;
mod audit;
mod bench;
pub mod build;
pub mod cargo;
mod cargo_deny;
mod cli;
mod data_folder;
mod go;
pub mod host;
mod import;
pub mod installed;
pub mod metadata_store;
mod package;
pub mod process;
pub mod project;
pub mod python;
mod release_notes;
mod running;
mod sbom;
pub mod settings;
mod spin_test;
mod steps;
pub mod storage_server;
mod test;
mod up;
pub mod wasi;
mod wasm_target;
mod with_parent;

pub use bench::BENCH_TARGET;
pub use cli::run;
