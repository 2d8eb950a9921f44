//! The `.wasm` itself: what it asks of a host, and what it offers one.

use wasmparser::{ComponentExternalKind, Parser, Payload};

use crate::harness::wasm;

/// Names of what the component imports or exports, nested components left aside.
fn imports_and_exports() -> (Vec<String>, Vec<(String, ComponentExternalKind)>) {
    let bytes = std::fs::read(wasm()).unwrap();
    let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0);
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(
                    section
                        .into_iter()
                        .map(|import| import.unwrap().name.name.to_owned()),
                );
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.unwrap();
                    exports.push((export.name.name.to_owned(), export.kind));
                }
            }
            _ => {}
        }
    }
    (imports, exports)
}

#[test]
fn the_component_imports_only_spin_2_and_wasi_0_2() {
    let (imports, _) = imports_and_exports();

    for import in &imports {
        let is_spin = import.starts_with("fermyon:spin/") && import.ends_with("@2.0.0");
        let is_wasi = import.starts_with("wasi:") && import.contains("@0.2.");
        assert!(
            is_spin || is_wasi,
            "{import}: a host of Spin 2 does not give this"
        );
    }
    assert!(
        imports.contains(&"fermyon:spin/sqlite@2.0.0".to_owned()),
        "{imports:?}"
    );
}

#[test]
fn the_component_imports_of_spin_what_the_project_s_world_declares() {
    let world = std::fs::read_to_string(crate::harness::root().join("wit/world.wit")).unwrap();
    let mut declared: Vec<_> = world
        .lines()
        .filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';'))
        .collect();
    declared.sort_unstable();

    let (imports, _) = imports_and_exports();

    let mut imported: Vec<_> = imports
        .iter()
        .filter(|name| name.starts_with("fermyon:"))
        .collect();
    imported.sort_unstable();
    assert_eq!(imported, declared);
}

#[test]
fn the_component_exports_the_http_handler_under_the_name_that_every_spin_looks_for() {
    let (_, exports) = imports_and_exports();

    assert_eq!(
        exports,
        [(
            "wasi:http/incoming-handler@0.2.0".to_owned(),
            ComponentExternalKind::Instance
        )],
        "Spin up to 3.0 accepts no other name. Something linked in brings newer WASI bindings: \
         `cargo tree --target wasm32-wasip2 -i wasip2` names it"
    );
}
