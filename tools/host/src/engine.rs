//! The wasm engine: components are compiled once, and instantiated anew for every request.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, ResourceLimiter, Store,
    component::{Component, HasSelf, InstancePre, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView, p2::bindings::ProxyPre};

use crate::{
    capabilities::{key_value, outbound_http, sqlite, stdio, variables},
    instance_limits::InstanceLimits,
};

/// Why a component cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("{}: no such file: in a checkout, `cargo xtask build` makes it; a release has it beside its spin.toml", .0.display())]
    NotBuilt(PathBuf),
    /// The file is not a component that this host can run.
    #[error("{}: not a component that this host can run: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// What one component may use; each instance gets a copy.
#[derive(Clone)]
pub struct Grants {
    /// Output.
    pub stdio: stdio::Instance,
    /// Settings.
    pub variables: variables::Instance,
    /// Databases.
    pub sqlite: sqlite::Instance,
    /// Key-value stores.
    pub key_value: key_value::Instance,
    /// Network.
    pub outbound_http: outbound_http::Instance,
}

/// Compiles components.
pub struct Compiler {
    linker: Linker<Instance>,
    vacancies: Arc<Semaphore>,
    largest_memory: LargestMemory,
    max_memory: usize,
}

/// A component, ready to be instantiated.
pub struct Compiled {
    pre: ProxyPre<Instance>,
    grants: Grants,
    /// Of all components.
    vacancies: Arc<Semaphore>,
    largest_memory: LargestMemory,
    max_memory: usize,
}

/// Size of the largest linear memory that any instance has had, in bytes.
#[derive(Clone, Default)]
pub struct LargestMemory(Arc<AtomicUsize>);

impl Compiler {
    /// A compiler for components that import WASI and the capabilities of this host.
    ///
    /// # Errors
    /// When the machine lacks what the engine needs.
    pub fn new(limits: &InstanceLimits) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        if let Some(pool) = &limits.pool {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool.clone()));
        }
        // The pool reserves terabytes of addresses, which not every machine has to give.
        let engine = Engine::new(&config).or_else(|_| Engine::new(&Config::new()))?;

        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        variables::add_to_linker::<Instance, HasSelf<_>>(&mut linker, |instance| {
            &mut instance.grants.variables
        })?;
        sqlite::add_to_linker::<Instance, HasSelf<_>>(&mut linker, |instance| {
            &mut instance.grants.sqlite
        })?;
        key_value::add_to_linker::<Instance, HasSelf<_>>(&mut linker, |instance| {
            &mut instance.grants.key_value
        })?;
        Ok(Self {
            linker,
            vacancies: Arc::new(Semaphore::new(limits.instances as usize)),
            largest_memory: LargestMemory::default(),
            max_memory: limits.max_memory,
        })
    }

    /// Compiles the component in the file at `path`.
    ///
    /// # Errors
    /// When there is no such file, or it is not a component that answers HTTP requests with what this host has.
    pub fn compile(&self, path: &Path, grants: Grants) -> Result<Compiled, Error> {
        Ok(Compiled {
            pre: load(&self.linker, path, ProxyPre::new)?,
            grants,
            vacancies: self.vacancies.clone(),
            largest_memory: self.largest_memory.clone(),
            max_memory: self.max_memory,
        })
    }

    /// Where the size of the largest memory can be read.
    pub fn largest_memory(&self) -> LargestMemory {
        self.largest_memory.clone()
    }
}

impl Compiled {
    /// A store for one instance, and what instantiates it there; `None` while there are as many as may be.
    pub fn store(&self) -> Option<(Store<Instance>, ProxyPre<Instance>)> {
        let vacancy = self.vacancies.clone().try_acquire_owned().ok()?;
        let instance = Instance {
            _vacancy: vacancy,
            wasi: self.grants.stdio.context(),
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            grants: self.grants.clone(),
            memory: MemoryLimit {
                largest: self.largest_memory.clone(),
                most: self.max_memory,
            },
        };
        let mut store = Store::new(self.pre.engine(), instance);
        store.limiter(|instance| &mut instance.memory);
        Some((store, self.pre.clone()))
    }

    /// Where the component writes.
    pub fn output(&self) -> &stdio::Instance {
        &self.grants.stdio
    }
}

/// The host's side of one instance.
pub struct Instance {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    grants: Grants,
    memory: MemoryLimit,
    /// Taken for as long as it lives.
    _vacancy: OwnedSemaphorePermit,
}

/// What one instance's linear memories are held to.
struct MemoryLimit {
    largest: LargestMemory,
    /// Bytes of one.
    most: usize,
}

impl WasiView for Instance {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Instance {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.grants.outbound_http,
        }
    }
}

impl LargestMemory {
    /// The size in bytes.
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= self.most;
        if allowed {
            self.largest.0.fetch_max(desired, Ordering::Relaxed);
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // The pool has its own limit.
        Ok(true)
    }
}

/// Compiles the component in the file at `path`, links it, and holds it against its world.
///
/// # Errors
/// When there is no such file, or it is not a component of that world with what the linker has.
pub fn load<T: 'static, W>(
    linker: &Linker<T>,
    path: &Path,
    world: impl FnOnce(InstancePre<T>) -> wasmtime::Result<W>,
) -> Result<W, Error> {
    if !path.exists() {
        return Err(Error::NotBuilt(path.to_owned()));
    }
    Component::from_file(linker.engine(), path)
        .and_then(|component| linker.instantiate_pre(&component))
        .and_then(world)
        .map_err(|error| Error::Unusable {
            path: path.to_owned(),
            reason: one_line(&error),
        })
}

/// The root cause of an error of wasmtime's, whose context is a backtrace of many lines.
pub fn one_line(error: &wasmtime::Error) -> String {
    error.root_cause().to_string().replace('\n', " ")
}
