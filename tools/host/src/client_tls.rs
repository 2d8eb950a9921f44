//! `[[client_tls]]` of the runtime configuration: whom a component trusts at which host.
//!
//! Source: <https://spinframework.dev/v3/dynamic-configuration#client-tls-runtime-configuration>.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use hyper_rustls::ConfigBuilderExt as _;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde::Deserialize;

/// Settings of one `[[client_tls]]` that this host refuses.
pub const NOT_IMPLEMENTED: &[&str] = &[
    "ca_use_platform_roots",
    "client_cert_file",
    "client_private_key_file",
];

/// One `[[client_tls]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Components that it is for.
    component_ids: Vec<String>,
    /// Hosts, without their ports.
    hosts: Vec<String>,
    /// Certificates of authorities in PEM, beside the runtime configuration where it is relative.
    ca_roots_file: Option<PathBuf>,
    /// Whether Mozilla's authorities are trusted, too.
    #[serde(default)]
    ca_use_webpki_roots: bool,
}

/// Why a `[[client_tls]]` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is for nobody, or for no host.
    #[error("client_tls: `{0}` is empty")]
    Empty(&'static str),
    /// Hosts are given without their ports.
    #[error("client_tls: the host `{0}` has a port: leave it out")]
    Port(String),
    /// No authority is trusted.
    #[error("client_tls: give `ca_roots_file`, or `ca_use_webpki_roots = true`")]
    NoRoots,
    /// The file cannot be read, or holds no certificate.
    #[error("client_tls: {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// By component and host.
pub struct ClientTls {
    default: Arc<ClientConfig>,
    of_component: BTreeMap<String, BTreeMap<String, Arc<ClientConfig>>>,
}

impl ClientTls {
    /// What `tables` say; relative files are in `folder`. Of several for the same component and host
    /// the first counts, as in Spin.
    ///
    /// # Errors
    /// When a table is incomplete, or its file holds no certificates.
    pub fn new(tables: &[Table], folder: &Path) -> Result<Self, Error> {
        let mut of_component = BTreeMap::<_, BTreeMap<_, _>>::new();
        for table in tables {
            table.check()?;
            let config = table.config(folder)?;
            for component in &table.component_ids {
                let of_host = of_component.entry(component.clone()).or_default();
                for host in &table.hosts {
                    let config = || Arc::clone(&config);
                    of_host.entry(host.clone()).or_insert_with(config);
                }
            }
        }
        let roots = ClientConfig::builder().with_webpki_roots();
        Ok(Self {
            default: Arc::new(roots.with_no_client_auth()),
            of_component,
        })
    }

    /// For all other hosts: Mozilla's authorities.
    pub fn default(&self) -> &ClientConfig {
        &self.default
    }

    /// The hosts with settings of their own for a component.
    pub fn hosts(&self, component: &str) -> impl Iterator<Item = (&str, &ClientConfig)> {
        let of_host = self.of_component.get(component).into_iter().flatten();
        of_host.map(|(host, config)| (host.as_str(), &**config))
    }
}

impl Table {
    fn check(&self) -> Result<(), Error> {
        if self.component_ids.is_empty() {
            return Err(Error::Empty("component_ids"));
        }
        if self.hosts.is_empty() {
            return Err(Error::Empty("hosts"));
        }
        let has_port = |host: &&String| {
            let authority = host.parse::<http::uri::Authority>();
            authority.is_ok_and(|authority| authority.port().is_some())
        };
        match self.hosts.iter().find(has_port) {
            Some(host) => Err(Error::Port(host.clone())),
            None => Ok(()),
        }
    }

    fn config(&self, folder: &Path) -> Result<Arc<ClientConfig>, Error> {
        let mut roots = RootCertStore::empty();
        if self.ca_use_webpki_roots {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        if let Some(file) = &self.ca_roots_file {
            let path = folder.join(file);
            if let Err(reason) = add_certificates(&mut roots, &path) {
                return Err(Error::File { path, reason });
            }
        }
        if roots.is_empty() {
            return Err(Error::NoRoots);
        }
        let config = ClientConfig::builder().with_root_certificates(roots);
        Ok(Arc::new(config.with_no_client_auth()))
    }
}

fn add_certificates(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    let mut count = 0;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
        count += 1;
    }
    if count == 0 {
        return Err("holds no certificate".to_owned());
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// What is wrong with these `[[client_tls]]` tables.
    fn error(text: &str) -> String {
        #[derive(Deserialize)]
        struct File {
            client_tls: Vec<Table>,
        }
        let file: File = toml::from_str(text).unwrap();
        let tls = ClientTls::new(&file.client_tls, Path::new("/no-such-folder"));
        tls.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_incomplete_table_is_refused_by_its_key() {
        let roots = "ca_use_webpki_roots = true";
        for (keys, expected) in [
            (
                format!("component_ids = []\nhosts = [\"a\"]\n{roots}"),
                "`component_ids` is empty",
            ),
            (
                format!("component_ids = [\"c\"]\nhosts = []\n{roots}"),
                "`hosts` is empty",
            ),
            (
                format!("component_ids = [\"c\"]\nhosts = [\"a:9000\"]\n{roots}"),
                "the host `a:9000` has a port",
            ),
            (
                "component_ids = [\"c\"]\nhosts = [\"a\"]".to_owned(),
                "give `ca_roots_file`",
            ),
            (
                "component_ids = [\"c\"]\nhosts = [\"a\"]\nca_roots_file = \"ca.pem\"".to_owned(),
                "/no-such-folder/ca.pem: ",
            ),
        ] {
            let error = error(&format!("[[client_tls]]\n{keys}\n"));
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn of_two_tables_for_a_component_and_host_the_first_counts() {
        let table = |components: &[&str]| Table {
            component_ids: components.iter().map(|&id| id.to_owned()).collect(),
            hosts: vec!["storage".into()],
            ca_roots_file: None,
            ca_use_webpki_roots: true,
        };

        let tables = [table(&["a"]), table(&["a", "b"])];
        let tls = ClientTls::new(&tables, Path::new("")).unwrap();

        let config = |component| &tls.of_component[component]["storage"];
        assert!(!Arc::ptr_eq(config("a"), config("b")));
        assert_eq!(tls.hosts("a").count(), 1);
        assert_eq!(tls.hosts("c").count(), 0);
    }
}
