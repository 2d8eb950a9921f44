//! An authority that nobody knows, and servers with certificates of its own.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::storage::{ANY_PORT, RUNTIME};

/// The one of this run.
pub static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::named("Tests' authority"));

/// Who vouches for servers.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A server's certificate and its key.
pub struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    /// Another one.
    pub fn named(name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(parameters, key).unwrap())
    }

    /// A certificate for these names and addresses.
    pub fn certify(&self, names: &[&str]) -> Identity {
        self.certify_until(2099, names)
    }

    /// One that ends with this year's first day.
    pub fn certify_until(&self, year: i32, names: &[&str]) -> Identity {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.not_before = date_time_ymd(2000, 1, 1);
        parameters.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        Identity { certificate, key }
    }

    /// Writes its certificate, in PEM.
    pub fn write_certificate(&self, file: &Path) {
        std::fs::write(file, self.0.pem()).unwrap();
    }

    /// What a client needs that trusts nobody else.
    pub fn trusted(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

impl Identity {
    /// Writes both, in PEM, by these names in `folder`.
    pub fn write(&self, folder: &Path, certificate: &str, key: &str) {
        std::fs::write(folder.join(certificate), self.certificate.pem()).unwrap();
        std::fs::write(folder.join(key), self.key.serialize_pem()).unwrap();
    }

    fn server_config(&self) -> ServerConfig {
        let chain: Vec<CertificateDer> = vec![self.certificate.der().clone()];
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap()
    }
}

/// TLS in front of a server that does not speak it.
pub struct TlsFront(SocketAddr);

impl TlsFront {
    /// Shows `identity`, and passes what is said on to `upstream`, an authority.
    pub fn start(identity: &Identity, upstream: &str) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(identity.server_config()));
        let upstream = upstream.to_owned();
        let listener = RUNTIME.block_on(TcpListener::bind(ANY_PORT)).unwrap();
        let address = listener.local_addr().unwrap();
        RUNTIME.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let carried = carry(acceptor.clone(), client, upstream.clone());
                // A client that does not trust the certificate goes away.
                tokio::spawn(async move { drop(carried.await) });
            }
        });
        Self(address)
    }

    /// Origin of the server, by TLS.
    pub fn endpoint(&self) -> String {
        format!("https://{}", self.0)
    }
}

async fn carry(acceptor: TlsAcceptor, client: TcpStream, upstream: String) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
