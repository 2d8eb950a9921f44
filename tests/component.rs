//! The `.wasm` itself: what it asks of a host, and what it offers one.

use wasmparser::{ComponentExternalKind, Parser, Payload};

use crate::harness::app::{BEARER, Launch, TOKEN};
use crate::harness::{ScriptedStorage, Step, TestImage, is_wasi_0_3, on_each_store, wasm};

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
fn the_component_imports_only_spin_2_and_wasi_of_its_version() {
    let (imports, _) = imports_and_exports();

    for import in &imports {
        let is_spin = import.starts_with("fermyon:spin/") && import.ends_with("@2.0.0");
        // The standard library speaks 0.2, which hosts of 0.3 give as well.
        let is_wasi = import.starts_with("wasi:")
            && (import.contains("@0.2.") || (is_wasi_0_3() && import.ends_with("@0.3.0")));
        assert!(
            is_spin || is_wasi,
            "{import}: a host that the component is for does not give this"
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
fn the_component_asks_its_host_for_no_file_and_no_socket() {
    let known = ["cli", "clocks", "http", "io", "random"];

    let (imports, _) = imports_and_exports();

    let packages = imports
        .iter()
        .filter_map(|import| import.strip_prefix("wasi:")?.split('/').next());
    for package in packages {
        assert!(known.contains(&package), "it imports of wasi:{package}");
    }
}

#[test]
fn the_component_exports_the_http_handler_under_the_name_that_every_spin_looks_for() {
    let (_, exports) = imports_and_exports();

    let handler = if is_wasi_0_3() {
        "wasi:http/handler@0.3.0"
    } else {
        "wasi:http/incoming-handler@0.2.0"
    };
    assert_eq!(
        exports,
        [(handler.to_owned(), ComponentExternalKind::Instance)],
        "Spin up to 3.0 accepts no other name. Something linked in brings newer WASI bindings: \
         `cargo tree --target wasm32-wasip2 -i wasip2` names it"
    );
}

/// Half of the stack that the component has, in bytes.
const HALF_OF_THE_STACK: u32 = 32 * 1024;

#[test]
fn the_deepest_requests_leave_half_of_the_stack_unused() {
    let fields = [BEARER, ("content-type", "application/json")];
    for (storage, app) in on_each_store(|launch| {
        launch
            .stack(HALF_OF_THE_STACK)
            .variable("records_token", TOKEN)
            .variable("cache_max_bytes", "262144")
    }) {
        let image = TestImage::of_size(262_144).with_key(&"ä".repeat(50));
        let put = |content: &[u8]| app.send("PUT", &image.record_path(), &fields, content);
        let nested = format!("{}{}", "[".repeat(8000), "]".repeat(8000));
        let tags = format!("{}\"x\"", "\"y\", ".repeat(1500));
        storage.put(&image.key, &image.bytes);

        let statuses = [
            put(nested.as_bytes()).status.as_u16(),
            put(image.record().to_string().as_bytes()).status.as_u16(),
            app.request_with("GET", &image.path(), &[("if-none-match", &tags)])
                .status
                .as_u16(),
            app.request_with("GET", &image.path(), &[("range", "bytes=1-")])
                .status
                .as_u16(),
            app.request_with("DELETE", &image.record_path(), &fields)
                .status
                .as_u16(),
            app.get("/readyz").status.as_u16(),
        ];

        assert_eq!(statuses, [422, 201, 200, 206, 204, 200]);
    }
}

#[test]
fn a_storage_that_fails_three_times_leaves_half_of_the_stack_unused() {
    let document = format!("<Error><Code>SlowDown</Code>{}</Error>", "x".repeat(5000));
    let length = document.len();
    let answer = format!("HTTP/1.1 503 -\r\nContent-Length: {length}\r\n\r\n{document}");
    let storage = ScriptedStorage::start(vec![Step::Send(answer); 3]);
    let credentials = ScriptedStorage::credentials();
    let app = Launch::new(storage.endpoint(), "images", &credentials)
        .stack(HALF_OF_THE_STACK)
        .start();
    let image = TestImage::of_size(1000);
    app.record(&image);

    app.get(&image.path()).assert_storage_error();

    assert_eq!(storage.requests().len(), 3);
}
