//! The virtual hosts of a plan.

use std::sync::Arc;

use ferromesh_mesh::decl::service::ServicePort;
use ferromesh_mesh::name::Hostname;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::view::route_table::TableName;

use super::{Plan, PlannedHost, backends};
use crate::index::routes_link::Source;
use crate::link::claims::Capture;
use crate::link::domains;
use crate::link::facts::{Candidate, Facts, RouteCandidate};
use crate::link::keys::{Host, Link};
use crate::link::policies;
use crate::link::scope::Scope;

impl Plan {
    pub(super) fn service_host(
        &mut self,
        scope: &Scope,
        host: &Hostname,
        facts: &Facts,
        service: &Candidate,
        port: &ServicePort,
    ) {
        let names = domains::of_service(scope, facts, service, port.number);
        let routes = routes_for(scope, facts, port.number);
        let before = self.hosts.len();
        let mut add = |capture, table, domains: Vec<Arc<str>>| {
            if !domains.is_empty() {
                let key = host_key(scope, host, facts, routes, port.number, table, domains);
                self.hosts.push(PlannedHost {
                    capture,
                    key: Arc::new(key),
                    has_default: true,
                    sources: sources(scope, routes, port.number),
                });
            }
        };
        add(
            None,
            TableName::Port(port.number),
            domains::with_port(&names, port.number),
        );
        add(
            Some(Capture::Bound),
            TableName::HttpProxy,
            domains::of_all_ports(&names, port.number),
        );
        if port.protocol == Protocol::Detect && !service.addresses().is_empty() {
            add(
                Some(Capture::Captured),
                TableName::HostPort(host.clone(), port.number),
                vec![Arc::from("*")],
            );
        }
        let mut added = self.hosts.iter().skip(before);
        let links = added.next().map(|planned| planned.key.links.clone());
        self.inferred(scope, facts, host, links);
    }

    /// A host that only routes know is in the table of port 80, and in those of the services
    /// that the same routes name (Istio).
    pub(super) fn host_of_routes(&mut self, scope: &Scope, host: &Hostname, facts: &Facts) {
        if facts.covers_services {
            return;
        }
        let mut ports = vec![80];
        for RouteCandidate { pattern, link } in &facts.routes {
            if pattern == host {
                let fellows = link
                    .hosts
                    .iter()
                    .filter_map(|other| facts.others.get(other));
                let services = fellows.filter_map(|fellow| scope.choose(&fellow.services));
                for service in services {
                    let numbers = service.service.ports.iter().map(|port| port.number);
                    ports.extend(numbers.filter(|port| domains::has_host(scope, service, *port)));
                }
            }
        }
        ports.sort_unstable();
        ports.dedup();
        let own = scope.choose(&facts.own.services);
        for port in ports {
            let routes = routes_for(scope, facts, port).filter(|r| r.pattern == *host);
            if routes.is_none() || own.is_some_and(|own| domains::has_host(scope, own, port)) {
                continue;
            }
            let names = domains::of_routes(scope, host, facts, port);
            if names.is_empty() {
                continue;
            }
            let tables = [
                (
                    None,
                    TableName::Port(port),
                    domains::with_port(&names, port),
                ),
                (
                    Some(Capture::Bound),
                    TableName::HttpProxy,
                    domains::of_all_ports(&names, port),
                ),
            ];
            for (capture, table, domains) in tables {
                let key = host_key(scope, host, facts, routes, port, table, domains);
                let links = Some(key.links.clone());
                self.hosts.push(PlannedHost {
                    capture,
                    key: Arc::new(key),
                    has_default: false,
                    sources: sources(scope, routes, port),
                });
                self.inferred(scope, facts, host, links);
            }
        }
    }

    /// Clusters of destinations that the scope does not import: routes may still send there.
    fn inferred(
        &mut self,
        scope: &Scope,
        facts: &Facts,
        host: &Hostname,
        links: Option<Arc<[Link]>>,
    ) {
        for link in links.iter().flat_map(|links| links.iter()) {
            let Some(target) = facts.target(&link.host, host) else {
                continue;
            };
            let Some(service) = scope.infer(&target.services) else {
                continue;
            };
            let ports = service.service.ports.iter();
            for port in ports.filter(|port| port.protocol != Protocol::Udp) {
                let is_planned = scope
                    .choose(&target.services)
                    .is_some_and(|chosen| scope.imports_service(chosen, port.number));
                if !is_planned {
                    self.backends
                        .extend(backends::of(scope, service, target, port));
                }
            }
        }
        self.backends.dedup();
    }
}

/// The routes in force for a host on a port: the most specific, then the oldest.
fn routes_for<'f>(scope: &Scope, facts: &'f Facts, port: u16) -> Option<&'f RouteCandidate> {
    facts
        .routes
        .iter()
        .find(|candidate| scope.imports_routes(&candidate.link, port))
}

/// Conditions on clients of the rules for a port, as far as the namespace allows them.
fn sources(scope: &Scope, routes: Option<&RouteCandidate>, port: u16) -> Vec<Source> {
    let mut sources: Vec<Source> = routes
        .iter()
        .flat_map(|candidate| &candidate.link.guards)
        .filter(|guard| guard.port.is_none_or(|only| only == port))
        .filter(|guard| guard.source.allows(&scope.namespace))
        .map(|guard| guard.source.clone())
        .collect();
    sources.sort();
    sources.dedup();
    sources
}

fn host_key(
    scope: &Scope,
    host: &Hostname,
    facts: &Facts,
    routes: Option<&RouteCandidate>,
    port: u16,
    table: TableName,
    domains: Vec<Arc<str>>,
) -> Host {
    let destinations = routes.iter().flat_map(|r| r.link.destinations.iter());
    let mut names: Vec<&Hostname> = destinations.chain(std::iter::once(host)).collect();
    names.sort();
    names.dedup();
    let links = names
        .into_iter()
        .filter_map(|name| {
            let target = facts.target(name, host)?;
            let service = scope.infer(&target.services)?;
            let chosen = policies::choose(scope, target, &service.service.namespace);
            Some(Link {
                host: name.clone(),
                service: service.id().clone(),
                policies: policies::ids(&chosen),
            })
        })
        .collect();
    Host {
        table,
        host: host.clone(),
        port,
        domains: domains.into(),
        routes: routes.map(|candidate| candidate.link.id.clone()),
        holds: Arc::default(),
        links,
    }
}
