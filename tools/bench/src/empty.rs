//! A component that does nothing: what is possible at all on a host.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::host::{Host, Name};
use crate::program::Program;
use crate::served::{Served, UnknownPath};
use crate::subject::{Site, Subject};
use crate::work::Work;
use xtask::host::Kind;
use xtask::storage_server::free_ports;
use xtask::{BENCH_TARGET, build, project};

/// What it answers to everything (`tools/bench/empty`).
const STATUS: u16 = 304;

/// The empty component on a host.
pub struct Empty {
    host: Host,
    component: PathBuf,
}

impl Empty {
    /// Builds it.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn ensure(host: Host) -> anyhow::Result<Self> {
        let target = project::root().join(BENCH_TARGET);
        let manifest = project::root().join("tools/bench/empty/Cargo.toml");
        build::component_of(&manifest, &target)?;
        Ok(Self {
            host,
            component: target.join("wasm32-wasip2/release/image_proxy_bench_empty.wasm"),
        })
    }
}

/// Its name in the report.
pub fn name(host: Kind) -> String {
    format!("empty component, {}", Name(host))
}

impl Subject for Empty {
    fn name(&self) -> String {
        name(self.host.kind)
    }

    fn takes(&self, work: Work) -> bool {
        matches!(work, Work::NotModified | Work::UnknownPath)
    }

    fn start(&self, site: &Site) -> anyhow::Result<Served> {
        let [port] = free_ports(site.address)?;
        let listen = SocketAddr::new(site.address, port);
        let manifest = site.folder.join("spin.toml");
        std::fs::write(&manifest, rendered(&self.component))
            .with_context(|| manifest.display().to_string())?;
        let mut command = self.host.up(&manifest, listen, &site.folder.join("state"));
        Ok(Served {
            program: Some(Program::start(&mut command, site.folder)?),
            urls: site.image_urls(listen),
            unknown_path: Some(UnknownPath::at(listen, STATUS)),
        })
    }
}

fn rendered(component: &Path) -> String {
    // What is in quotes in JSON is the same in TOML.
    let component = serde_json::Value::from(component.display().to_string());
    include_str!("empty.toml").replace("{component}", &component.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_manifest_names_the_component_whatever_its_folder_is_called() {
        let manifest = rendered(Path::new(r#"/a "b"/empty.wasm"#));

        let source = manifest.lines().find(|line| line.starts_with("source"));
        assert_eq!(source, Some(r#"source = "/a \"b\"/empty.wasm""#));
        assert!(!manifest.contains('{'), "{manifest}");
    }
}
