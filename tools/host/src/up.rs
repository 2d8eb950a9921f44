//! `image-proxy-host up`: from the command line to a running application, in the order of the story.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::Write,
    net::{Ipv4Addr, SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;

use crate::{
    capabilities::{
        key_value::{self, KeyValue},
        outbound_http::OutboundHttp,
        sqlite::Sqlite,
        stdio::Stdio,
        variables::Variables,
    },
    client_tls::ClientTls,
    diagnostics::report,
    engine::{Compiler, Grants, LargestMemory},
    instance_limits::InstanceLimits,
    interrupts::Interrupts,
    manifest::{self, Component, Manifest},
    routes::Routes,
    runtime_config::{RuntimeConfig, VariablesProvider},
    server::{self, Application},
    undeclared, variables,
};

/// Runs the application that a manifest describes. Every option means what it means to `spin up`.
#[derive(Args, Debug)]
pub struct Up {
    /// The manifest, or the folder with its spin.toml
    #[arg(short, long, value_name = "FILE", default_value = "spin.toml")]
    from: PathBuf,

    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", env = "SPIN_HTTP_LISTEN_ADDR", default_value = "127.0.0.1:3000", value_parser = parse_address)]
    listen: SocketAddr,

    /// File with `[[variables_provider]]` and `[[client_tls]]` tables, and `log_dir`
    #[arg(long, value_name = "FILE", env = "RUNTIME_CONFIG_FILE")]
    runtime_config_file: Option<PathBuf>,

    /// Folder for the databases and the logs [default: .spin beside the manifest]
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,

    /// Folder for the components' output; empty for none [default: logs in the state folder]
    #[arg(short = 'L', long, value_name = "FOLDER", env = "SPIN_LOG_DIR")]
    log_dir: Option<OsString>,

    /// Do not show the components' output
    #[arg(short, long)]
    quiet: bool,

    /// SQL to run on the default database first, or @FILE with SQL; may be repeated
    #[arg(long = "sqlite", value_name = "SQL | @FILE")]
    sqlite: Vec<String>,

    /// Text to set in the default key-value store first; may be repeated
    #[arg(long = "key-value", value_name = "KEY=VALUE")]
    key_values: Vec<key_value::Pair>,

    /// Value of an application variable; may be repeated
    #[arg(long = "variable", value_name = "NAME=VALUE | NAME=@FILE")]
    variables: Vec<variables::Source>,

    /// Most bytes of a linear memory of a component [default: 128 MiB]
    #[arg(long, value_name = "BYTES", env = "SPIN_MAX_INSTANCE_MEMORY")]
    max_instance_memory: Option<usize>,

    /// How long requests in flight may take to end once it is told to stop; Spin has no such option
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    grace: u64,
}

/// As Spin, prefers 127.0.0.1 where a name has several addresses.
fn parse_address(argument: &str) -> Result<SocketAddr, String> {
    let mut addresses: Vec<_> = argument
        .to_socket_addrs()
        .map_err(|error| error.to_string())?
        .collect();
    addresses.sort_by_key(|address| address.ip() != Ipv4Addr::LOCALHOST);
    addresses
        .first()
        .copied()
        .ok_or_else(|| "has no address".to_owned())
}

impl Up {
    /// Serves until it is interrupted.
    ///
    /// # Errors
    /// When the application cannot be started; the text, in one line, says what to change.
    pub async fn run(self) -> anyhow::Result<()> {
        let path = manifest::file(&self.from);
        let manifest = Manifest::read(&path)?;
        let in_manifest = || path.display().to_string();
        let routes =
            Routes::new(&manifest.trigger.http, &manifest.components).with_context(in_manifest)?;
        let (mut runtime_config, outbound_http) = self.runtime_config()?;
        let log_dir = runtime_config.log_dir.take().map(OsString::from);
        let providers = self.providers(runtime_config)?;
        for warning in undeclared::warnings(&manifest.variables, &providers, &environment()) {
            report(warning);
        }
        let providers: Vec<_> = providers
            .into_iter()
            .map(|(_, provider)| provider)
            .collect();
        let variables = variables::resolve(&manifest.variables, &providers, variable);
        let variables = Variables::new(variables.with_context(in_manifest)?);
        let listener = server::bind(self.listen).await?;
        let (application, largest_memory) =
            self.load(&path, manifest, routes, &variables, &outbound_http, log_dir)?;
        let interrupts = Interrupts::catch()?;
        announce(&listener, &application)?;
        let grace = Duration::from_secs(self.grace);
        server::serve(listener, application, interrupts, grace).await;
        writeln!(
            std::io::stdout(),
            "Largest component memory: {} bytes",
            largest_memory.bytes()
        )?;
        Ok(())
    }

    /// `--runtime-config-file`, and what its `[[client_tls]]` make of the network.
    fn runtime_config(&self) -> anyhow::Result<(RuntimeConfig, OutboundHttp)> {
        let path = self.runtime_config_file.as_deref();
        let config = path.map_or_else(|| Ok(RuntimeConfig::default()), RuntimeConfig::read)?;
        let path = path.unwrap_or(Path::new(""));
        let folder = path.parent().unwrap_or(Path::new(""));
        let tls = ClientTls::new(&config.client_tls, folder);
        let tls = tls.with_context(|| path.display().to_string())?;
        Ok((config, OutboundHttp::new(tls)))
    }

    /// Where variables get their values, first come first served, in Spin's order; each with the
    /// place that it was given at.
    fn providers(
        &self,
        runtime_config: RuntimeConfig,
    ) -> anyhow::Result<Vec<(String, VariablesProvider)>> {
        let from_command_line = self.variables.iter().map(variables::Source::read);
        let values = from_command_line.collect::<Result<_, _>>()?;
        let mut providers = vec![(
            "--variable".to_owned(),
            VariablesProvider::Static { values },
        )];
        let file = self.runtime_config_file.as_deref().unwrap_or(Path::new(""));
        let in_file = |provider| (file.display().to_string(), provider);
        providers.extend(runtime_config.variables_providers.into_iter().map(in_file));
        let built_in = VariablesProvider::Env { prefix: None };
        providers.push(("environment".to_owned(), built_in));
        Ok(providers)
    }

    fn load(
        &self,
        path: &Path,
        manifest: Manifest,
        routes: Routes,
        variables: &Variables,
        outbound_http: &OutboundHttp,
        log_dir: Option<OsString>,
    ) -> anyhow::Result<(Application, LargestMemory)> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let state_dir = self
            .state_dir
            .clone()
            .unwrap_or_else(|| folder.join(".spin"));
        let stdio = self.open_stdio(&state_dir, log_dir)?;
        let (mut sqlite, mut key_value) = self.open_stores(&state_dir)?;
        let limits = InstanceLimits::read(variable, self.max_instance_memory)?;
        let compiler = Compiler::new(&limits)
            .map_err(|error| anyhow::anyhow!("the wasm engine cannot start: {error:#}"))?;

        let mut components = BTreeMap::new();
        for (id, component) in &manifest.components {
            let in_component = || format!("{}: [component.{id}]", path.display());
            let grants = Grants {
                stdio: stdio.grant(id)?,
                variables: variables.grant(component).with_context(in_component)?,
                sqlite: sqlite.grant(component).with_context(in_component)?,
                key_value: key_value.grant(component).with_context(in_component)?,
                outbound_http: outbound_http
                    .grant(id, component, variables.values())
                    .with_context(in_component)?,
            };
            let source = folder.join(&component.source);
            components.insert(id.clone(), compiler.compile(&source, grants)?);
        }
        report_files(&stdio, &sqlite, &key_value);

        let describe = |(id, component): (String, Component)| Some((id, component.description?));
        let application = Application {
            name: manifest.application.name,
            version: manifest.application.version,
            descriptions: manifest
                .components
                .into_iter()
                .filter_map(describe)
                .collect(),
            routes,
            components,
        };
        Ok((application, compiler.largest_memory()))
    }

    fn open_stdio(&self, state_dir: &Path, in_file: Option<OsString>) -> anyhow::Result<Stdio> {
        let log_dir = match self.log_dir.clone().or(in_file) {
            Some(folder) if folder.is_empty() => None,
            Some(folder) => Some(folder.into()),
            None => Some(state_dir.join("logs")),
        };
        Stdio::new(log_dir, self.quiet)
    }

    fn open_stores(&self, state_dir: &Path) -> anyhow::Result<(Sqlite, KeyValue)> {
        let mut sqlite = Sqlite::new(state_dir);
        let mut key_value = KeyValue::new(state_dir);
        for argument in &self.sqlite {
            sqlite.run(argument)?;
        }
        for pair in &self.key_values {
            key_value.set(pair)?;
        }
        Ok((sqlite, key_value))
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The names of all environment variables.
fn environment() -> Vec<String> {
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .collect()
}

/// Says where things are kept, in Spin's words.
fn report_files(stdio: &Stdio, sqlite: &Sqlite, key_value: &KeyValue) {
    if let Some(folder) = stdio.log_dir() {
        let folder = folder.join("");
        report(format_args!(
            "Logging component stdio to \"{}\"",
            folder.display()
        ));
    }
    for (kind, path) in [
        ("SQLite", sqlite.path_in_use()),
        ("key-value", key_value.path_in_use()),
    ] {
        if let Some(path) = path {
            let path = path.display();
            report(format_args!("Storing default {kind} data to \"{path}\"."));
        }
    }
}

/// Says that the application is ready, in Spin's words, which launchers wait for.
fn announce(listener: &TcpListener, application: &Application) -> anyhow::Result<()> {
    let origin = format!("http://{}", listener.local_addr()?);
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nServing {origin}\nAvailable Routes:")?;
    for route in application.routes.iter() {
        writeln!(out, "  {}: {origin}{route}", route.component)?;
        if let Some(description) = application.descriptions.get(&route.component) {
            writeln!(out, "    {description}")?;
        }
    }
    out.flush()?;
    Ok(())
}
