//! The application beside the proxy, as the kubelet and Prometheus want to see it.
//!
//! Both come without a certificate, so the injector sends them to the agent, which asks the application in their place: its
//! probes and lifecycle handlers, and its metrics. Only what the injector has written down can be asked; whoever reaches the
//! agent can't make it go anywhere else.
//!
//! Reading order: [`handlers`], [`scrape`] (what may be asked), [`ask`] (how), [`certificate`], [`url`], [`path`], [`exposition`].

pub mod ask;
mod certificate;
mod exposition;
pub mod handlers;
mod path;
pub mod scrape;
mod url;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ferromesh_chassis::Failure;
use tokio::task::JoinSet;

use crate::settings::{Interception, Settings};
use handlers::Handlers;
use scrape::Targets;

/// The address from which the proxy speaks to the application, so that it isn't captured: Istio's for IPv4, ours for IPv6.
const FROM_V4: &str = "127.0.0.6";
/// The same.
const FROM_V6: &str = "::6";

/// What the application may be asked.
#[derive(Debug)]
pub struct Application {
    /// Where it is.
    pub place: Place,
    /// The kubelet's probes and handlers.
    pub handlers: Handlers,
    /// Where its metrics are.
    pub targets: Targets,
    /// How often it had no metrics to give.
    pub failures: AtomicU64,
}

/// Where the application is, and from where it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its address.
    pub to: IpAddr,
    /// Ours; `None` leaves it to the system.
    pub from: Option<IpAddr>,
}

impl Application {
    /// What the injector has written into the environment.
    ///
    /// # Errors
    /// When it is not what an injector writes.
    pub fn of_environment(settings: &Settings) -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let fault = |name: &str, what: String| Failure::new(format!("{name}: {what}"));
        let handlers = Handlers::parse(&variable(handlers::ENVIRONMENT))
            .map_err(|what| fault(handlers::ENVIRONMENT, what))?;
        // They come from annotations that anybody writes as he likes, and no pod fails to start for its metrics.
        let targets = Targets::parse(&variable(scrape::ENVIRONMENT)).unwrap_or_else(|what| {
            tracing::warn!(
                "{}: {what}: no metrics of the application",
                scrape::ENVIRONMENT
            );
            Targets::default()
        });
        Ok(Self {
            place: Place::of(settings),
            handlers,
            targets,
            failures: AtomicU64::new(0),
        })
    }

    /// Its metrics from all places that have some, in parts of Prometheus' own format.
    pub async fn metrics(&self, patience: Duration) -> Vec<Bytes> {
        let mut asked = JoinSet::new();
        for target in &self.targets.0 {
            let (place, target) = (self.place, target.clone());
            asked.spawn(async move {
                let outcome = ask::metrics(place, &target, patience).await;
                outcome.inspect_err(|fault| {
                    tracing::debug!(?target, fault, "the application gives no metrics");
                })
            });
        }
        let mut parts = Vec::new();
        while let Some(outcome) = asked.join_next().await {
            match outcome {
                Ok(Ok(more)) => parts.extend(more),
                Ok(Err(_)) | Err(_) => {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        parts
    }
}

impl Place {
    /// Where others would ask it: at the workload's address, or where it listens without capture.
    fn of(settings: &Settings) -> Self {
        match &settings.interception {
            Interception::None(bound) => Self {
                to: bound.app,
                from: None,
            },
            Interception::Captured(_) => Self {
                to: settings.address,
                from: match settings.address {
                    IpAddr::V4(_) => FROM_V4.parse().ok(),
                    IpAddr::V6(_) => FROM_V6.parse().ok(),
                },
            },
        }
    }
}
