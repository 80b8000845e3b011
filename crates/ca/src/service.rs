//! Istio's `CreateCertificate`: bytes in, bytes out.

use std::sync::Arc;

use bytes::Bytes;
use ferromesh_identity::SpiffeId;
use tokio::sync::watch;

use crate::attest::Attestor;
use crate::authority::Lifetimes;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use crate::roots::Trust;

/// A status of gRPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The code.
    pub code: u8,
    /// The reason word, and what exactly.
    pub message: String,
}

/// What the service is made of.
pub struct Settings {
    /// Asked in this order; the first that knows the kind of credentials decides.
    pub attestors: Vec<Box<dyn Attestor>>,
    /// Who signs; see [`crate::Roots::watch`].
    pub trust: watch::Receiver<Arc<Trust>>,
    /// How long certificates are valid.
    pub lifetimes: Lifetimes,
    /// How many certificates one identity gets.
    pub rate: Rate,
    /// The identity of the control plane, which nobody else gets.
    pub control_plane: SpiffeId,
    /// The DNS names of the control plane, such as `istiod.istio-system.svc`.
    pub control_plane_names: Vec<String>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// How many certificates one identity gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// At once.
    pub burst: f64,
    /// And then in a second.
    pub per_second: f64,
}

impl Default for Rate {
    /// A rollout of some hundred pods at once, and then 20 a second.
    fn default() -> Self {
        Self {
            burst: 500.0,
            per_second: 20.0,
        }
    }
}

/// One call of the service.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The value of the header `authorization`; never logged.
    pub authorization: Option<&'a str>,
    /// The client certificate and its intermediates as DER, verified by TLS; empty without one.
    pub chain: &'a [Vec<u8>],
    /// The message, without the five bytes that gRPC puts in front.
    pub body: &'a [u8],
}

/// Attests, then signs.
pub struct Service {
    settings: Settings,
    metrics: Metrics,
}

impl Service {
    /// A service.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            metrics: Metrics::default(),
        }
    }

    /// What has been issued and refused.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Answers `istio.v1.auth.IstioCertificateService/CreateCertificate`.
    ///
    /// # Errors
    /// If the caller gets no certificate.
    pub async fn create_certificate(&self, call: Call<'_>) -> Result<Bytes, Status> {
        let _ = (call, &self.settings);
        self.metrics.count_issued();
        self.metrics.count_refused(crate::Reason::Unavailable);
        Err(Refusal::new(crate::Reason::Unavailable, "not built yet").into())
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.reason.code(),
            message: refusal.to_string(),
        }
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("metrics", &self.metrics)
            .finish_non_exhaustive()
    }
}
