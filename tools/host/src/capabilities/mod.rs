//! What components may use, one file each, all of the same shape: a type for the whole
//! application, made at the start; `grant`, which gives one component its share as the manifest
//! says; and `Instance`, which is that share within one instance and implements the interface.

pub mod database;
pub mod database_file;
pub mod key_value;
pub mod outbound_http;
pub mod sqlite;
pub mod stdio;
pub mod variables;

/// Spin's own interfaces, from the same `wit/` that the component is built from.
pub mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "spin-imports",
        imports: { default: async },
        with: {
            "fermyon:spin/key-value@2.0.0.store": super::database::Database,
            "fermyon:spin/sqlite@2.0.0.connection": super::database::Database,
        },
    });
}
