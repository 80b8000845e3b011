//! The control plane's own certificate.

use std::sync::Arc;

use tokio::sync::watch;

use crate::refusal::Refusal;
use crate::service::Service;

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
    credentials: watch::Sender<Arc<Credentials>>,
}

impl Own {
    /// Issues the first one.
    ///
    /// # Errors
    /// If nothing can be signed.
    pub async fn issue(service: Arc<Service>) -> Result<Self, Refusal> {
        let _ = service;
        Err(Refusal::new(crate::Reason::Unavailable, "not built yet"))
    }

    /// Follows it.
    pub fn watch(&self) -> watch::Receiver<Arc<Credentials>> {
        self.credentials.subscribe()
    }

    /// Renews it for ever: at half of its life, and when another root signs.
    pub async fn keep(&self) {
        std::future::pending::<()>().await;
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "credentials valid {}..={}",
            self.not_before, self.not_after
        )
    }
}
