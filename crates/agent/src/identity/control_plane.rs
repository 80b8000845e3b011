//! Talking to the control plane: TLS that accepts nobody but itself, and calls of one message each.

mod call;
mod verifier;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ferromesh_identity::{Bundle, Certificate};
use ferromesh_proto::auth::{
    CREATE_CERTIFICATE, IstioCertificateRequest, IstioCertificateResponse,
};
use ferromesh_proto::trust::{self, FetchRequest, FetchResponse};
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::held::{Own, Trust};
use super::settings::Credentials;
use crate::settings::Host;

pub use call::{Fault, FaultKind};
pub(crate) use verifier::provider;

/// How long connecting may take, and a call.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest token that the control plane accepts.
const LONGEST_TOKEN: usize = 8 << 10;

/// A connection to the control plane, which has proven who it is.
pub struct ControlPlane {
    sender: SendRequest<Full<Bytes>>,
}

impl ControlPlane {
    /// Connects. The control plane is known by the roots of the file and those that it told since. `own` is shown to it,
    /// if given.
    ///
    /// # Errors
    /// When it isn't there, or somebody else is.
    pub async fn connect(
        credentials: &Credentials,
        trust: Option<&Trust>,
        own: Option<&Own>,
    ) -> Result<Self, Fault> {
        let config = config(credentials, trust, own)?;
        tokio::time::timeout(PATIENCE, connect(credentials, config))
            .await
            .unwrap_or_else(|_| Err(Fault::away("it does not answer in time")))
    }

    /// Asks for a certificate: the leaf, its intermediates, and the roots, each as PEM.
    ///
    /// # Errors
    /// When the control plane refuses or breaks off.
    pub async fn certify(
        &mut self,
        request: &str,
        token: Option<&str>,
    ) -> Result<Vec<String>, Fault> {
        let message = IstioCertificateRequest {
            csr: request.to_owned(),
            validity_duration: 0,
            metadata: None,
        };
        let answer = call::unary(
            &mut self.sender,
            CREATE_CERTIFICATE,
            token,
            &message.render(),
            PATIENCE,
        )
        .await?;
        IstioCertificateResponse::parse(&answer)
            .map(|IstioCertificateResponse { cert_chain }| cert_chain)
            .map_err(|error| Fault::away(&format!("not an answer: {error}")))
    }

    /// Asks who is trusted, and waits for another version than the known one.
    ///
    /// # Errors
    /// When the control plane doesn't know the call, or breaks off.
    pub async fn bundles(&mut self, known: &str, wait: Duration) -> Result<FetchResponse, Fault> {
        let message = FetchRequest {
            known_version: known.to_owned(),
            wait_seconds: u32::try_from(wait.as_secs()).unwrap_or(u32::MAX),
        };
        let answer = call::unary(
            &mut self.sender,
            trust::FETCH,
            None,
            &message.render(),
            wait + PATIENCE,
        )
        .await?;
        FetchResponse::parse(&answer)
            .map_err(|error| Fault::away(&format!("not an answer: {error}")))
    }
}

/// The token as it is now.
///
/// # Errors
/// When the file can't be read or holds none.
pub fn token(credentials: &Credentials) -> Result<String, Fault> {
    let path = &credentials.token;
    let fault = |why: &str| Fault::ours(format!("--token {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fault(&error.to_string()))?;
    let token = text.trim();
    if token.is_empty()
        || token.len() > LONGEST_TOKEN
        || !token.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err(fault("the file holds no token"));
    }
    Ok(token.to_owned())
}

/// The roots of the file as they are now.
///
/// # Errors
/// When the file can't be read or holds none.
pub fn first_roots(credentials: &Credentials) -> Result<Bundle, Fault> {
    let path = &credentials.root;
    let fault = |why: String| Fault::ours(format!("--root-cert {}: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    Bundle::from_pem(&pem).map_err(|error| fault(error.to_string()))
}

fn config(
    credentials: &Credentials,
    trust: Option<&Trust>,
    own: Option<&Own>,
) -> Result<ClientConfig, Fault> {
    let mut roots = first_roots(credentials)?.roots().to_vec();
    if let Some(Trust {
        own: (_, bundle), ..
    }) = trust
    {
        roots.extend(bundle.roots().iter().cloned());
    }
    let verifier =
        verifier::Verifier::new(&roots, credentials.control_plane.clone()).map_err(|error| {
            Fault::ours(format!(
                "--root-cert {}: {error}",
                credentials.root.display()
            ))
        })?;
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::ours(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match own {
        Some(Own {
            identity: _,
            chain,
            key,
        }) => {
            let chain = chain
                .iter()
                .map(Certificate::der)
                .map(|der| CertificateDer::from(der.to_vec()));
            builder
                .with_client_auth_cert(chain.collect(), key.der())
                .map_err(|error| Fault::ours(error.to_string()))?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

async fn connect(credentials: &Credentials, config: ClientConfig) -> Result<ControlPlane, Fault> {
    let ca = &credentials.ca;
    let away = |error: std::io::Error| Fault::away(&format!("{ca}: {error}"));
    let (tcp, name) = match &ca.host {
        Host::Address(address) => (
            TcpStream::connect((*address, ca.port)).await,
            Some(ServerName::from(*address)),
        ),
        Host::Name(name) => (
            TcpStream::connect((name.as_str(), ca.port)).await,
            ServerName::try_from(name.clone()).ok(),
        ),
    };
    let name = name.ok_or_else(|| Fault::ours(format!("{ca} is no server name")))?;
    let tcp = tcp.map_err(away)?;
    tcp.set_nodelay(true).map_err(away)?;
    let tls = TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .map_err(away)?;
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(PATIENCE)
        .handshake(TokioIo::new(tls))
        .await
        .map_err(|error| Fault::away(&format!("{ca}: {error}")))?;
    tokio::spawn(connection);
    Ok(ControlPlane { sender })
}
