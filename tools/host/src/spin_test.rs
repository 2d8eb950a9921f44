//! `image-proxy-host spin-test`: runs the tests of a test component, as `spin-test` would.
//!
//! Each test has the application and its stores to itself: [`environment`] is what both components
//! see, [`application`] the way from one to the other, [`storage`] the other servers.

mod application;
mod environment;
mod storage;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{anyhow, bail};
use clap::Args;
use wasmtime::{Engine, Store, component::Linker};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::{
    engine::{self, one_line},
    manifest::{self, Manifest},
};
use bindings::TestPre;
use environment::{Application, Environment};

/// The interfaces of `spin-test`, from the same `wit/` that the test component is built from.
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "fermyon:spin-test/test",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "fermyon:spin/sqlite@2.0.0": crate::capabilities::bindings::fermyon::spin::sqlite,
            "fermyon:spin-test/http-helper.response-receiver": super::application::ResponseReceiver,
            "fermyon:spin-test-virt/key-value.store": crate::capabilities::database::Database,
            "fermyon:spin-test-virt/sqlite.connection": crate::capabilities::database::Database,
            "wasi:http/types@0.2.0.incoming-body": wasmtime_wasi_http::p2::bindings::http::types::IncomingBody,
            "wasi:http/types@0.2.0.incoming-request": wasmtime_wasi_http::p2::bindings::http::types::IncomingRequest,
            "wasi:http/types@0.2.0.incoming-response": wasmtime_wasi_http::p2::bindings::http::types::IncomingResponse,
            "wasi:http/types@0.2.0.outgoing-request": wasmtime_wasi_http::p2::bindings::http::types::OutgoingRequest,
            "wasi:http/types@0.2.0.outgoing-response": wasmtime_wasi_http::p2::bindings::http::types::OutgoingResponse,
            "wasi:http/types@0.2.0.response-outparam": wasmtime_wasi_http::p2::bindings::http::types::ResponseOutparam,
        },
    });
}

/// Most bytes of a test's output that are shown when it fails.
const MAX_OUTPUT: usize = 64 << 10;

/// Runs the tests that `[component.<id>.tool.spin-test]` of the manifest names.
///
/// Both components must have been built.
#[derive(Args, Debug)]
pub struct SpinTest {
    /// The manifest, or the folder with its spin.toml
    #[arg(short, long, value_name = "FILE", default_value = "spin.toml")]
    from: PathBuf,

    /// Name the tests instead of running them
    #[arg(long)]
    list: bool,

    /// Only the tests whose name contains this
    filter: Option<String>,
}

impl SpinTest {
    /// Runs the tests and reports in the words of `cargo test`.
    ///
    /// # Errors
    /// When the tests cannot be run; the text, in one line, says what to change.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let tests = Tests::load(&manifest::file(&self.from))?;
        let names = tests.names().await?;
        let selected: Vec<_> = names
            .iter()
            .filter(|name| {
                self.filter
                    .as_ref()
                    .is_none_or(|filter| name.contains(filter))
            })
            .collect();
        let mut out = io::stdout().lock();
        if self.list {
            for name in &selected {
                writeln!(out, "{name}: test")?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let others = names.len() - selected.len();
        run_all(&tests, &selected, others, &mut out).await
    }
}

async fn run_all(
    tests: &Tests,
    names: &[&String],
    others: usize,
    out: &mut impl Write,
) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let mut failures = Vec::new();
    let plural = if names.len() == 1 { "" } else { "s" };
    writeln!(out, "\nrunning {} test{plural}", names.len())?;
    for name in names {
        write!(out, "test {name} ... ")?;
        out.flush()?;
        let outcome = tests.run(name).await;
        writeln!(out, "{}", if outcome.is_ok() { "ok" } else { "FAILED" })?;
        failures.extend(outcome.err().map(|failure| (name, failure)));
    }
    for (name, failure) in &failures {
        writeln!(out, "\n---- {name} ----\n{failure}")?;
    }
    let (verdict, code) = if failures.is_empty() {
        ("ok", ExitCode::SUCCESS)
    } else {
        ("FAILED", ExitCode::FAILURE)
    };
    writeln!(
        out,
        "\ntest result: {verdict}. {} passed; {} failed; 0 ignored; 0 measured; {others} filtered out; finished in {:.2}s\n",
        names.len() - failures.len(),
        failures.len(),
        started.elapsed().as_secs_f32()
    )?;
    Ok(code)
}

/// The two components, compiled.
struct Tests {
    application: Application,
    pre: TestPre<Environment>,
}

impl Tests {
    fn load(path: &Path) -> anyhow::Result<Self> {
        let manifest = Manifest::read(path)?;
        let in_manifest = |text: &str| anyhow!("{}: {text}", path.display());
        let mut components = manifest.components.into_iter();
        let (Some((id, component)), None) = (components.next(), components.next()) else {
            bail!(in_manifest("spin-test needs exactly one component"));
        };
        let spin_test = component.tool.spin_test.as_ref().ok_or_else(|| {
            in_manifest(&format!(
                "there is no [component.{id}.tool.spin-test] with the `source` of a test component"
            ))
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));

        let linker =
            linker().map_err(|error| anyhow!("the wasm engine cannot start: {error:#}"))?;
        let pre = engine::load(&linker, &folder.join(&spin_test.source), TestPre::new)?;
        let application = engine::load(&linker, &folder.join(&component.source), ProxyPre::new)?;
        Ok(Self {
            application: Application {
                component: component.into(),
                variables: manifest.variables.into(),
                pre: application,
            },
            pre,
        })
    }

    async fn names(&self) -> anyhow::Result<Vec<String>> {
        let mut store = self.store(&MemoryOutputPipe::new(MAX_OUTPUT))?;
        let names = async {
            let test = self.pre.instantiate_async(&mut store).await?;
            test.call_list_tests(&mut store).await
        };
        let names = names.await.map_err(|error| one_line(&error));
        names.map_err(|reason| anyhow!("the test component cannot name its tests: {reason}"))
    }

    /// Runs one test.
    ///
    /// # Errors
    /// When it fails: what both components wrote, and how the test ended.
    async fn run(&self, name: &str) -> Result<(), String> {
        let output = MemoryOutputPipe::new(MAX_OUTPUT);
        let outcome = async {
            let mut store = self.store(&output).map_err(|error| format!("{error:#}"))?;
            let outcome = match self.pre.instantiate_async(&mut store).await {
                Ok(test) => test.call_run(&mut store, name).await,
                Err(error) => Err(error),
            };
            outcome.map_err(|error| one_line(&error))
        };
        outcome.await.map_err(|error| {
            let output = output.contents();
            format!("{}{error}", String::from_utf8_lossy(&output))
        })
    }

    fn store(&self, output: &MemoryOutputPipe) -> anyhow::Result<Store<Environment>> {
        let environment = Environment::new(self.application.clone(), output)?;
        Ok(Store::new(self.pre.engine(), environment))
    }
}

fn linker() -> wasmtime::Result<Linker<Environment>> {
    let mut linker = Linker::new(&Engine::default());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    environment::add_to_linker(&mut linker)?;
    application::add_to_linker(&mut linker)?;
    Ok(linker)
}
