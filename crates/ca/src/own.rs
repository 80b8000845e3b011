//! The control plane's own certificate.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use tokio::sync::watch;

use ferromesh_identity::Certificate;

use crate::csr::Csr;
use crate::issuer::names;
use crate::refusal::{Reason, Refusal};
use crate::service::Service;

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// What the server of the control plane shows.
#[derive(Clone)]
pub struct Credentials {
    /// The leaf and its intermediates as DER.
    pub chain: Vec<Vec<u8>>,
    /// The private key as PKCS#8.
    pub key: Vec<u8>,
    /// The first second in which the leaf is valid, since the Unix epoch.
    pub not_before: u64,
    /// The last second in which the leaf is valid, since the Unix epoch.
    pub not_after: u64,
}

/// Keeps the control plane's own certificate fresh.
#[derive(Debug)]
pub struct Own {
    service: Arc<Service>,
    credentials: watch::Sender<Arc<Credentials>>,
}

impl Own {
    /// Issues the first one.
    ///
    /// # Errors
    /// If nothing can be signed.
    pub async fn issue(service: Arc<Service>) -> Result<Self, Refusal> {
        let first = issue(&service).await?;
        Ok(Self {
            service,
            credentials: watch::Sender::new(Arc::new(first)),
        })
    }

    /// Follows it.
    pub fn watch(&self) -> watch::Receiver<Arc<Credentials>> {
        self.credentials.subscribe()
    }

    /// Renews it for ever: at half of its life, and when something else signs or is trusted.
    pub async fn keep(&self) {
        let mut trust = self.service.trust();
        loop {
            let wait = self.until_half_life();
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                changed = trust.changed() => if changed.is_err() {
                    // Nothing changes any more; what is left is to renew.
                    tokio::time::sleep(wait).await;
                },
            }
            while let Err(refusal) = self.renew().await {
                tracing::warn!(%refusal, "the control plane's own certificate stays as it is");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Renews it now.
    ///
    /// # Errors
    /// If nothing can be signed; it stays as it is.
    pub async fn renew(&self) -> Result<(), Refusal> {
        let credentials = issue(&self.service).await?;
        self.credentials.send_replace(Arc::new(credentials));
        Ok(())
    }

    fn until_half_life(&self) -> Duration {
        let Credentials {
            chain: _,
            key: _,
            not_before,
            not_after,
        } = **self.credentials.borrow();
        let half = Duration::from_secs(not_before.midpoint(not_after));
        // A second is the grain of certificates, and keeps a clock gone wrong from spinning.
        half.saturating_sub(self.service.now())
            .max(Duration::from_secs(1))
    }
}

/// A new key and a certificate for it.
async fn issue(service: &Service) -> Result<Credentials, Refusal> {
    let fault = |error: rcgen::Error| Refusal::new(Reason::Unavailable, error.to_string());
    let key = KeyPair::generate().map_err(fault)?;
    let mut params = CertificateParams::default();
    let authority = service.authority();
    params.subject_alt_names =
        names(&authority.control_plane, &authority.control_plane_names).map_err(fault)?;
    let request = params.serialize_request(&key).map_err(fault)?;
    let csr = Csr::parse(&request.pem().map_err(fault)?)?;
    let trust = service.trust().borrow().clone();
    let chain = authority.issue_own(&trust, &csr, service.now()).await?;
    let leaf = chain
        .first()
        .and_then(|leaf| Certificate::from_der(leaf).ok())
        .ok_or_else(|| Refusal::new(Reason::BadAnswer, "no certificate"))?;
    Ok(Credentials {
        not_before: leaf.not_before(),
        not_after: leaf.not_after(),
        chain,
        key: key.serialize_der(),
    })
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            chain,
            key: _,
            not_before,
            not_after,
        } = self;
        let length = chain.len();
        write!(f, "a chain of {length}, valid {not_before}..={not_after}")
    }
}
