//! Everything that is measured, and what of it is not available here.

use crate::component::{Component, Setup};
use crate::direct::Direct;
use crate::empty::{self, Empty};
use crate::host::Host;
use crate::peers::{FastApi, Nginx, S3Proxy};
use crate::report::Absent;
use crate::subject::Subject;
use xtask::host::Kind;
use xtask::metadata_store::MetadataStore::{KeyValue, Sqlite};
use xtask::wasi::{Chosen, Wasi};

/// What can be measured here.
pub struct Available {
    /// In the order of tables.
    pub subjects: Vec<Box<dyn Subject>>,
    /// Names and versions of the hosts among them.
    pub hosts: Vec<String>,
    /// What cannot be, and why.
    pub absent: Vec<Absent>,
}

/// Direct storage, and of everything else what `is_chosen` takes by its name: the component on `host`,
/// the empty one there, the component on this project's own host beside it, and peers.
///
/// # Errors
/// When a host that is needed is not installed.
pub fn ensure(
    host: Kind,
    wasi: Chosen,
    is_chosen: &dyn Fn(&str) -> bool,
) -> anyhow::Result<Available> {
    let mut available = Available {
        subjects: vec![Box::new(Direct)],
        hosts: Vec::new(),
        absent: Vec::new(),
    };
    available.add_components(host, &setups_on(host, wasi), is_chosen)?;
    if is_chosen(&empty::name(host)) {
        let empty = || Ok(vec![Empty::ensure(Host::ensure(host)?)?]);
        available.add_peers(&empty::name(host), empty, is_chosen);
    }
    if host != Kind::Embedded {
        available.add_components(Kind::Embedded, &setups_beside(), is_chosen)?;
    }
    if Nginx::NAMES.into_iter().any(is_chosen) {
        available.add_peers("nginx", || Ok(Nginx::ensure()?.into()), is_chosen);
    }
    if is_chosen(S3Proxy::NAME) {
        available.add_peers(S3Proxy::NAME, || Ok(vec![S3Proxy::ensure()?]), is_chosen);
    }
    if FastApi::NAMES.into_iter().any(is_chosen) {
        available.add_peers("FastAPI", || Ok(FastApi::ensure()?.into()), is_chosen);
    }
    Ok(available)
}

/// Both stores, with and without kept images; and what settings in the environment cost.
fn setups_on(host: Kind, wasi: Chosen) -> Vec<Setup> {
    let [key_value, sqlite] = [KeyValue, Sqlite].map(|records| Setup::with(host, records));
    let setups = [
        key_value,
        sqlite,
        key_value.keeping_images(),
        sqlite.keeping_images(),
        key_value.reading_the_environment(),
    ];
    let of = |wasi: &Wasi| match wasi {
        Wasi::V0_2 => setups,
        Wasi::V0_3 => setups.map(Setup::on_wasi_0_3),
    };
    wasi.all().iter().flat_map(of).collect()
}

/// What the host in `tools/host/` is measured by where it is not the one that counts.
fn setups_beside() -> Vec<Setup> {
    let mut setups = setups_on(Kind::Embedded, Chosen::V0_2);
    setups.truncate(3);
    setups
}

impl Available {
    fn add_components(
        &mut self,
        kind: Kind,
        setups: &[Setup],
        is_chosen: &dyn Fn(&str) -> bool,
    ) -> anyhow::Result<()> {
        let setups = setups.iter().copied();
        let setups: Vec<_> = setups
            .filter(|setup| is_chosen(&setup.to_string()))
            .collect();
        if setups.is_empty() {
            return Ok(());
        }
        let host = Host::ensure(kind)?;
        self.hosts.push(host.version()?);
        for setup in setups {
            let component = Component::on(host.clone(), setup);
            self.subjects.push(Box::new(component));
        }
        Ok(())
    }

    fn add_peers<S: Subject + 'static>(
        &mut self,
        what: &str,
        ensure: impl FnOnce() -> anyhow::Result<Vec<S>>,
        is_chosen: &dyn Fn(&str) -> bool,
    ) {
        match ensure() {
            Ok(peers) => {
                let chosen = peers.into_iter().filter(|peer| is_chosen(&peer.name()));
                self.subjects.extend(chosen.map(|peer| Box::new(peer) as _));
            }
            Err(error) => self.absent.push(Absent::new(what, &error)),
        }
    }
}
