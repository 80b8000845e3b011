//! The application beside the proxy, as the kubelet and Prometheus want to see it.
//!
//! Both come without a certificate, so the injector sends them to the agent, which asks the application in their place: its
//! probes and lifecycle handlers, and its metrics. Only what the injector has written down can be asked; whoever reaches the
//! agent can't make it go anywhere else.
//!
//! Reading order: [`handlers`], [`scrape`] (what may be asked), [`ask`] (how), [`certificate`].

pub mod ask;
mod certificate;
pub mod handlers;
pub mod scrape;

use std::net::IpAddr;

use ferromesh_chassis::Failure;

use crate::settings::{Interception, Settings};
use handlers::Handlers;
use scrape::Targets;

/// The address from which the proxy speaks to the application, so that it isn't captured: Istio's for IPv4, ours for IPv6.
const FROM_V4: &str = "127.0.0.6";
/// The same.
const FROM_V6: &str = "::6";

/// What the application may be asked.
#[derive(Clone, Debug)]
pub struct Application {
    /// Where it is.
    pub place: Place,
    /// The kubelet's probes and handlers.
    pub handlers: Handlers,
    /// Where its metrics are.
    pub targets: Targets,
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
        let targets = Targets::parse(&variable(scrape::ENVIRONMENT))
            .map_err(|what| fault(scrape::ENVIRONMENT, what))?;
        Ok(Self {
            place: Place::of(settings),
            handlers,
            targets,
        })
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
