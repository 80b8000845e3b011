//! What the control plane counts, for Prometheus. Where something means the same as in Istio it
//! has Istio's name, so that the dashboards and alerts that people have go on working.

mod admission;
mod authority;
mod count;
mod process;
mod refused;
mod streams;

use std::fmt::{self, Write};
use std::sync::Arc;

use ferromesh_api::Key;
use ferromesh_xds_server::Hub;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::cluster::probe::Reached;
use crate::findings::Findings;
pub use authority::Authority;
use count::Count;

/// A format of the text that is made of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own, which everybody reads.
    Plain,
    /// OpenMetrics, for those who ask for it.
    OpenMetrics,
}

impl Format {
    /// What an `Accept` header asks for.
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Plain
        }
    }

    /// The content type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is new.
    Add,
    /// It says something else.
    Update,
    /// It is gone.
    Delete,
}

impl Event {
    /// As in Istio's labels.
    pub fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ChangeLabels {
    r#type: Arc<str>,
    event: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BuildLabels {
    component: &'static str,
    tag: &'static str,
}

/// What is counted here; the streams count for themselves.
#[derive(Debug)]
pub struct Metrics {
    config_events: Family<ChangeLabels, Count>,
    registry_events: Family<ChangeLabels, Count>,
    /// Seconds from reading a change until it is published to the streams.
    pub push_time: Histogram,
    /// Seconds from reading a change until a proxy has accepted it.
    pub convergence: Histogram,
    /// Services.
    pub services: Gauge,
    /// VirtualServices.
    pub virtual_services: Gauge,
    /// Keys of token issuers that were fetched.
    pub jwks_fetched: Count,
    /// Attempts to fetch keys that failed.
    pub jwks_failed: Count,
    /// The certificate authority, to be put here as soon as there is one.
    pub authority: Authority,
    /// Whether the API server reaches this replica.
    pub admission: Reached,
}

/// Kinds that Istio calls its registry; the others are configuration.
const REGISTRY: &[&str] = &[
    "EndpointSlice",
    "Endpoints",
    "Namespace",
    "Node",
    "Pod",
    "Service",
    "ServiceAccount",
];

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        // From 0.1 ms to 13 s.
        let times = || Histogram::new((0..18).map(|power| 1e-4 * f64::from(1 << power)));
        Self {
            config_events: Family::default(),
            registry_events: Family::default(),
            push_time: times(),
            convergence: times(),
            services: Gauge::default(),
            virtual_services: Gauge::default(),
            jwks_fetched: Count::default(),
            jwks_failed: Count::default(),
            authority: Authority::default(),
            admission: Reached::default(),
        }
    }

    /// An object has changed.
    pub fn changed(&self, key: &Key, event: Event) {
        let is_registry = REGISTRY.contains(&&*key.kind);
        let family = if is_registry {
            &self.registry_events
        } else {
            &self.config_events
        };
        let labels = ChangeLabels {
            r#type: key.kind.clone(),
            event: event.word(),
        };
        family.get_or_create(&labels).add(1);
    }

    /// All metrics of this process, by name.
    pub fn registry(&self, hub: Arc<Hub>, findings: Findings, version: &'static str) -> Registry {
        let Self {
            config_events,
            registry_events,
            push_time,
            convergence,
            services,
            virtual_services,
            jwks_fetched,
            jwks_failed,
            authority,
            admission,
        } = self;
        let mut registry = Registry::default();
        let build = Family::<BuildLabels, Gauge>::default();
        build
            .get_or_create(&BuildLabels {
                component: "pilot",
                tag: version,
            })
            .set(1);
        registry.register("istio_build", "The build", build);
        registry.register(
            "pilot_k8s_cfg_events",
            "Changes of configuration objects",
            config_events.clone(),
        );
        registry.register(
            "pilot_k8s_reg_events",
            "Changes of objects that say what runs",
            registry_events.clone(),
        );
        registry.register(
            "pilot_xds_push_time",
            "Seconds from reading a change until it is published to the streams",
            push_time.clone(),
        );
        registry.register(
            "pilot_proxy_convergence_time",
            "Seconds from reading a change until a proxy has accepted it",
            convergence.clone(),
        );
        registry.register("pilot_services", "Services", services.clone());
        registry.register(
            "pilot_virt_services",
            "VirtualServices",
            virtual_services.clone(),
        );
        for (name, help, count) in [
            (
                "pilot_jwks_resolver_network_fetch_success_total",
                "Keys of token issuers that were fetched",
                jwks_fetched,
            ),
            (
                "pilot_jwks_resolver_network_fetch_fail_total",
                "Attempts to fetch keys of token issuers that failed",
                jwks_failed,
            ),
        ] {
            registry.register(name, help, count.clone());
        }
        registry.register_collector(Box::new(streams::Streams(hub)));
        registry.register_collector(Box::new(authority.clone()));
        registry.register_collector(Box::new(admission::Admission(admission.clone())));
        registry.register_collector(Box::new(refused::Refused(findings)));
        registry.register_collector(Box::new(process::Process::started_now()));
        registry
    }
}

/// The text of a registry.
pub fn render(registry: &Registry, format: Format) -> Result<String, fmt::Error> {
    let mut out = String::new();
    match format {
        Format::OpenMetrics => prometheus_client::encoding::text::encode(&mut out, registry)?,
        Format::Plain => {
            let mut text = String::new();
            prometheus_client::encoding::text::encode_registry(&mut text, registry)?;
            // What OpenMetrics does not let be a counter, since its name has no `_total`.
            for line in text.lines() {
                match line.strip_suffix(" unknown") {
                    Some(head) if line.starts_with("# TYPE ") => writeln!(out, "{head} counter")?,
                    _ => writeln!(out, "{line}")?,
                }
            }
        }
    }
    Ok(out)
}
