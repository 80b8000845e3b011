//! A scope's plan for a host: which views its proxies get, under which keys. Pure: nothing is
//! asked here.

mod backends;
mod hosts;
mod listeners;

use std::sync::Arc;

use ferromesh_mesh::name::Hostname;
use ferromesh_mesh::policy::protocol::Protocol;

use super::claims::{Capture, Claim, Slot};
use super::domains;
use super::facts::{Candidate, Facts};
use super::keys::{Backend, Host};
use super::policies::{self, Merged};
use super::preference::Needs;
use super::scope::Scope;
use super::security;
use crate::index::routes_link::Source;

/// A scope's plan for a host.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// Clusters.
    pub(crate) backends: Vec<PlannedBackend>,
    /// Virtual hosts.
    pub(crate) hosts: Vec<PlannedHost>,
    /// Listeners.
    pub(crate) claims: Vec<(Slot, Arc<Claim>)>,
}

/// A cluster, perhaps with instances of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlannedBackend {
    /// For proxies that get their traffic like this; `None` = for all.
    pub(crate) capture: Option<Capture>,
    /// Its key, for a client of whom nothing matters.
    pub(crate) key: Arc<Backend>,
    /// Whether its instances are a view of their own.
    pub(crate) has_endpoints: bool,
    /// What of the client its instances depend on.
    pub(crate) needs: Needs,
}

/// A virtual host.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlannedHost {
    /// In which tables it is.
    pub(crate) capture: Option<Capture>,
    /// Its key, as if no condition on clients held.
    pub(crate) key: Arc<Host>,
    /// Whether there is a default route.
    pub(crate) has_default: bool,
    /// Conditions on clients that decide which rules count; those without labels hold already.
    pub(crate) sources: Vec<Source>,
}

impl PlannedHost {
    /// The key for clients for whom these conditions on labels hold; `None` if no rule is for
    /// them.
    pub(crate) fn key_for(&self, labelled: &[Source]) -> Option<Arc<Host>> {
        let holds: Arc<[Source]> = self
            .sources
            .iter()
            .filter(|source| source.labels.is_empty() || labelled.contains(source))
            .cloned()
            .collect();
        if holds.is_empty() {
            return self.has_default.then(|| {
                Arc::new(Host {
                    routes: None,
                    ..(*self.key).clone()
                })
            });
        }
        Some(Arc::new(Host {
            holds,
            ..(*self.key).clone()
        }))
    }
}

impl Plan {
    /// The plan of a scope for a host.
    pub(crate) fn link(scope: &Scope, host: &Hostname, facts: &Facts) -> Self {
        let mut plan = Self::default();
        if let Some(service) = scope.choose(&facts.own.services) {
            plan.service(scope, host, facts, service);
        }
        plan.host_of_routes(scope, host, facts);
        plan.authorizers(scope, host, facts);
        plan
    }

    /// Clusters of external authorizers that the scope does not import: policies ask them all the
    /// same.
    fn authorizers(&mut self, scope: &Scope, host: &Hostname, facts: &Facts) {
        let candidates = &facts.own.services;
        for settings in scope.authorizers.iter().filter(|a| a.service.host == *host) {
            let Ok(service) = security::authorizer(scope, candidates, settings) else {
                continue;
            };
            let is_planned = scope
                .choose(candidates)
                .is_some_and(|chosen| scope.imports_service(chosen, settings.port));
            let ports = service.service.ports.iter();
            let port = ports
                .filter(|port| port.number == settings.port)
                .find(|_| !is_planned);
            if let Some(port) = port {
                self.backends
                    .extend(backends::of(scope, service, &facts.own, port));
            }
        }
    }

    fn service(&mut self, scope: &Scope, host: &Hostname, facts: &Facts, service: &Candidate) {
        let chosen = policies::choose(scope, &facts.own, &service.service.namespace);
        let merged = Merged::of(chosen.iter().map(|candidate| &candidate.policies));
        for port in &service.service.ports {
            let Some(egress) = scope
                .egress_for(port.number)
                .filter(|_| scope.imports_service(service, port.number))
                .filter(|_| port.protocol != Protocol::Udp)
            else {
                continue;
            };
            self.backends
                .extend(backends::of(scope, service, &facts.own, port));
            if domains::has_host(scope, service, port.number) {
                self.service_host(scope, host, facts, service, port);
            }
            self.claim(service, port, egress, &merged);
        }
    }
}
