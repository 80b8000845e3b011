//! The TLS side of the server: what it shows, and which clients it believes.

mod clients;

use std::sync::Arc;

use ferromesh_identity::{Bundle, TrustDomain};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

pub(crate) use clients::{MeshClients, NotOfThisMesh};

/// What the server shows to its clients.
#[derive(Clone)]
pub struct Credentials {
    /// The certificates in DER, the leaf first, without the root.
    pub chain: Vec<Vec<u8>>,
    /// The private key in PKCS#8.
    pub key: Arc<[u8]>,
}

/// Credentials or roots that no server can be made of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// The roots.
    #[error("trusted roots: {0}")]
    Roots(String),
    /// Certificate and key.
    #[error("the server's certificate and key: {0}")]
    Credentials(String),
}

/// What a server needs that shows these credentials and believes the clients of a trust domain
/// whose certificates the roots have signed. Clients may come without a certificate.
///
/// # Errors
/// If the roots are none, or the key does not belong to the certificate.
pub fn server_config(
    credentials: &Credentials,
    roots: &Bundle,
    trust_domain: &TrustDomain,
) -> Result<Arc<ServerConfig>, TlsFault> {
    let Credentials { chain, key } = credentials;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let clients = MeshClients::new(roots, trust_domain, Arc::clone(&provider))?;
    let chain = chain
        .iter()
        .map(|der| CertificateDer::from(der.clone()))
        .collect();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
    let fault = |error: rustls::Error| TlsFault::Credentials(error.to_string());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(fault)?
        .with_client_cert_verifier(Arc::new(clients))
        .with_single_cert(chain, key)
        .map_err(fault)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session would bring back a certificate that nobody has looked at again since.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// What a client needs that shows these credentials and believes servers whose certificates the
/// roots have signed for the name that it asks for.
///
/// # Errors
/// If the roots are none, or the key does not belong to the certificate.
pub fn client_config(
    credentials: &Credentials,
    roots: &Bundle,
) -> Result<Arc<ClientConfig>, TlsFault> {
    let Credentials { chain, key } = credentials;
    let mut store = RootCertStore::empty();
    for root in roots.roots() {
        let added = store.add(CertificateDer::from(root.der().to_vec()));
        added.map_err(|error| TlsFault::Roots(error.to_string()))?;
    }
    let chain = chain
        .iter()
        .map(|der| CertificateDer::from(der.clone()))
        .collect();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
    let fault = |error: rustls::Error| TlsFault::Credentials(error.to_string());
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(fault)?
        .with_root_certificates(store)
        .with_client_auth_cert(chain, key)
        .map_err(fault)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // Each connection proves anew who is at the other end.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { chain, key: _ } = self;
        f.debug_struct("Credentials")
            .field("chain", &chain.len())
            .finish_non_exhaustive()
    }
}
