//! What the application and its test share: variables, databases and stores of one test.

use std::{collections::BTreeMap, sync::Arc};

use wasmtime::{
    bail,
    component::{HasSelf, Linker, Resource, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView, p2::pipe::MemoryOutputPipe};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView, p2::bindings::ProxyPre};

use super::{
    bindings::fermyon::{
        spin::sqlite::{Error, QueryResult, Value},
        spin_test_virt,
        spin_wasi_virt::http_handler::{self, ResponseHandler},
    },
    storage::{Answer, Storage},
};
use crate::{
    allowed_hosts::AllowedHosts,
    capabilities::{
        database::Database,
        key_value::{self, KeyValue},
        sqlite::{self, Sqlite},
        variables::{self, Variables},
    },
    diagnostics::Quoted,
    manifest::{Component, Variable},
    runtime_config::{Secret, VariablesProvider},
};

/// The application under test.
#[derive(Clone)]
pub struct Application {
    /// Its component, as the manifest describes it.
    pub component: Arc<Component>,
    /// Its variables, as the manifest declares them.
    pub variables: Arc<BTreeMap<String, Variable>>,
    /// Its component, ready to be instantiated.
    pub pre: ProxyPre<Environment>,
}

/// The host's side of one test: all that both instances see, and one table for their resources.
pub struct Environment {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    pub table: ResourceTable,
    pub application: Application,
    values: BTreeMap<String, Secret>,
    variables: variables::Instance,
    sqlite: sqlite::Instance,
    key_value: key_value::Instance,
    pub storage: Storage,
}

impl Environment {
    /// Empty databases and stores, as the manifest grants them; output of both components goes to `output`.
    ///
    /// # Errors
    /// When the manifest grants what this host does not have.
    pub fn new(application: Application, output: &MemoryOutputPipe) -> anyhow::Result<Self> {
        Ok(Self {
            wasi: WasiCtx::builder()
                .stdout(output.clone())
                .stderr(output.clone())
                .build(),
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            values: BTreeMap::new(),
            variables: variables::Instance::default(),
            sqlite: Sqlite::in_memory()?.grant(&application.component)?,
            key_value: KeyValue::in_memory()?.grant(&application.component)?,
            storage: Storage::default(),
            application,
        })
    }

    /// Gives the application the values that its variables have by now.
    ///
    /// # Errors
    /// When a required one has none, or a template is invalid.
    pub fn resolve_variables(&mut self) -> anyhow::Result<()> {
        let provider = VariablesProvider::Static {
            values: self.values.clone(),
        };
        let values = crate::variables::resolve(&self.application.variables, &[provider], |_| None)?;
        let component = &self.application.component;
        self.storage.allowed_hosts =
            AllowedHosts::parse(&component.allowed_outbound_hosts, &values)?;
        self.variables = Variables::new(values).grant(component)?;
        Ok(())
    }
}

impl WasiView for Environment {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Environment {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.storage,
        }
    }
}

/// What the application imports of Spin, and what the test sets of it.
///
/// # Errors
/// When the linker has one of them already.
pub fn add_to_linker(linker: &mut Linker<Environment>) -> wasmtime::Result<()> {
    type This = HasSelf<Environment>;
    variables::add_to_linker::<_, HasSelf<_>>(linker, |environment: &mut Environment| {
        &mut environment.variables
    })?;
    sqlite::add_to_linker::<_, HasSelf<_>>(linker, |environment| &mut environment.sqlite)?;
    key_value::add_to_linker::<_, HasSelf<_>>(linker, |environment| &mut environment.key_value)?;
    spin_test_virt::variables::add_to_linker::<_, This>(linker, |environment| environment)?;
    spin_test_virt::sqlite::add_to_linker::<_, This>(linker, |environment| environment)?;
    spin_test_virt::key_value::add_to_linker::<_, This>(linker, |environment| environment)?;
    http_handler::add_to_linker::<_, This>(linker, |environment| environment)
}

impl spin_test_virt::variables::Host for Environment {
    async fn set(&mut self, key: String, value: String) -> wasmtime::Result<()> {
        if !self.application.variables.contains_key(&key) {
            bail!(
                "the manifest does not declare the variable {}",
                Quoted(&key)
            );
        }
        self.values.insert(key, Secret(value));
        Ok(())
    }
}

impl spin_test_virt::sqlite::Host for Environment {}

impl spin_test_virt::sqlite::HostConnection for Environment {
    async fn open(
        &mut self,
        database: String,
    ) -> wasmtime::Result<Result<Resource<Database>, Error>> {
        Ok(sqlite::HostConnection::open(&mut self.sqlite, database).await)
    }

    async fn execute(
        &mut self,
        connection: Resource<Database>,
        statement: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<QueryResult, Error>> {
        let sqlite = &mut self.sqlite;
        Ok(sqlite::HostConnection::execute(sqlite, connection, statement, parameters).await)
    }

    async fn drop(&mut self, _: Resource<Database>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl spin_test_virt::key_value::Host for Environment {}

impl spin_test_virt::key_value::HostStore for Environment {
    async fn open(&mut self, label: String) -> wasmtime::Result<Resource<Database>> {
        key_value::HostStore::open(&mut self.key_value, label.clone())
            .await
            .map_err(|_| {
                let label = Quoted(&label);
                wasmtime::format_err!("the manifest does not grant the key-value store {label}")
            })
    }

    async fn set(
        &mut self,
        _: Resource<Database>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<()> {
        let set = self.key_value.set(&key, &value);
        set.map_err(|error| wasmtime::format_err!("key {}: {error}", Quoted(&key)))
    }

    async fn drop(&mut self, _: Resource<Database>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl http_handler::Host for Environment {
    async fn set_response(
        &mut self,
        url: String,
        response: ResponseHandler,
    ) -> wasmtime::Result<()> {
        let answer = match response {
            ResponseHandler::Echo => Answer::Echo,
            ResponseHandler::Response(response) => {
                Answer::Response(self.table.delete(response)?.try_into()?)
            }
        };
        self.storage.set(url, answer);
        Ok(())
    }
}
