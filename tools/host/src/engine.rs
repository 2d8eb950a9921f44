//! The wasm engine: components are compiled once, and instantiated anew for every request.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, ResourceLimiter,
    Store,
    component::{Component, HasSelf, InstancePre, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView, p2::bindings::ProxyPre};

use crate::capabilities::{key_value, outbound_http, sqlite, stdio, variables};

/// Most instances that live at once, as in Spin; a request beyond them fails.
const MAX_INSTANCES: u32 = 1_000;

/// Most bytes that one linear memory may have: 128 MiB.
const MAX_MEMORY: usize = 128 << 20;

/// Most bytes of an instance's memory that the next one finds in place: what a request touches.
const KEEP_RESIDENT: usize = 256 << 10;

/// Why a component cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("{}: no such file: build the component with `cargo xtask build`", .0.display())]
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
    largest_memory: LargestMemory,
}

/// A component, ready to be instantiated.
pub struct Compiled {
    pre: ProxyPre<Instance>,
    grants: Grants,
    largest_memory: LargestMemory,
}

/// Size of the largest linear memory that any instance has had, in bytes.
#[derive(Clone, Default)]
pub struct LargestMemory(Arc<AtomicUsize>);

impl Compiler {
    /// A compiler for components that import WASI and the capabilities of this host.
    ///
    /// # Errors
    /// When the machine lacks what the engine needs.
    pub fn new() -> wasmtime::Result<Self> {
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(MAX_INSTANCES)
            .total_core_instances(4 * MAX_INSTANCES)
            .total_memories(MAX_INSTANCES)
            .total_tables(2 * MAX_INSTANCES)
            .total_stacks(MAX_INSTANCES)
            .max_memory_size(MAX_MEMORY)
            .linear_memory_keep_resident(KEEP_RESIDENT)
            .table_keep_resident(KEEP_RESIDENT)
            .pagemap_scan(Enabled::Auto);
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
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
            largest_memory: LargestMemory::default(),
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
            largest_memory: self.largest_memory.clone(),
        })
    }

    /// Where the size of the largest memory can be read.
    pub fn largest_memory(&self) -> LargestMemory {
        self.largest_memory.clone()
    }
}

impl Compiled {
    /// A store for one instance, and what instantiates it there.
    pub fn store(&self) -> (Store<Instance>, ProxyPre<Instance>) {
        let instance = Instance {
            wasi: self.grants.stdio.context(),
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            grants: self.grants.clone(),
            largest_memory: self.largest_memory.clone(),
        };
        let mut store = Store::new(self.pre.engine(), instance);
        store.limiter(|instance| &mut instance.largest_memory);
        (store, self.pre.clone())
    }
}

/// The host's side of one instance.
pub struct Instance {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    grants: Grants,
    largest_memory: LargestMemory,
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

impl ResourceLimiter for LargestMemory {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= MAX_MEMORY;
        if allowed {
            self.0.fetch_max(desired, Ordering::Relaxed);
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
