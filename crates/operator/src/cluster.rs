//! What the control plane keeps in an API server, besides the objects that it follows: its
//! authority ([`authority`]), whom it asks about tokens ([`keys`], [`reviewer`]), and the roots that
//! pods find ([`root_certificates`]). One replica, the holder of the [`lease`], has the API server ask
//! us ([`webhooks`]) and tells authors what became of their objects ([`status`]), and each sees whether it does ([`probe`]).
//!
//! Everything here survives an API server that is away: what was known before stays.

pub mod authority;
pub mod keys;
pub mod lease;
pub mod owner;
pub mod probe;
pub mod reviewer;
pub mod root_certificates;
pub mod status;
pub mod webhooks;

use std::time::Duration;

/// Who writes what all replicas write alike.
pub const MANAGER: &str = "ferromesh";

/// How long to wait before something is tried again, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// Where a control plane lives.
#[derive(Clone)]
pub struct Cluster {
    /// The way to the API server.
    pub client: kube::Client,
    /// The namespace of the control plane.
    pub namespace: String,
    /// The name of this replica's pod.
    pub replica: String,
}

/// Pauses that grow, and differ between replicas.
#[derive(Clone, Copy, Debug)]
struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(PAUSES.0)
    }
}

impl Pauses {
    async fn wait(&mut self) {
        let jitter = 0.5 + fastrand::f64();
        tokio::time::sleep(self.0.mul_f64(jitter)).await;
        self.0 = (self.0 * 2).min(PAUSES.1);
    }
}

/// An error of the API server in a line.
fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({})", status.message, status.reason),
        other => {
            let mut text = other.to_string();
            let mut source = std::error::Error::source(other);
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            text
        }
    }
}

/// Whether the API server says that somebody else was faster, or knows better.
fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}
