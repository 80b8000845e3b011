//! A scope's plan for a host: which views its proxies get, under which keys. Pure: nothing is
//! asked here.

use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_mesh::decl::service::{Resolution, ServicePort};
use ferromesh_mesh::name::{Hostname, SubsetName};
use ferromesh_mesh::policy::load_balancer::{Algorithm, HashKey};
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::view::cluster::ClusterName;
use ferromesh_mesh::view::listener::Affinity;
use ferromesh_mesh::view::route_table::TableName;

use super::claims::{Capture, Claim, Place, Slot, Speaks};
use super::domains;
use super::facts::{Candidate, Facts, RouteCandidate, Target};
use super::keys::{Backend, Host, Link};
use super::policies::{self, Merged};
use super::preference::{Needs, Preference, Viewer};
use super::scope::{Egress, Scope};
use crate::index::routes_link::Source;
use crate::project::cluster::hash_key;

/// A scope's plan for a host.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// Clusters.
    pub(crate) backends: Vec<PlannedBackend>,
    /// Virtual hosts.
    pub(crate) hosts: Vec<PlannedHost>,
    /// Listeners.
    pub(crate) claims: Vec<(Slot, Claim)>,
}

/// A cluster, perhaps with instances of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlannedBackend {
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
        plan
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
                .extend(backends(scope, service, &facts.own, port));
            if domains::has_host(scope, service, port.number) {
                self.service_host(scope, host, facts, service, port);
            }
            self.claim(service, port, egress, &merged);
        }
    }

    fn service_host(
        &mut self,
        scope: &Scope,
        host: &Hostname,
        facts: &Facts,
        service: &Candidate,
        port: &ServicePort,
    ) {
        let names = domains::of_service(scope, facts, service, port.number);
        let routes = routes_for(scope, facts, port.number);
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
        if port.protocol == Protocol::Detect && !service.service.addresses.is_empty() {
            add(
                Some(Capture::Captured),
                TableName::HostPort(host.clone(), port.number),
                vec![Arc::from("*")],
            );
        }
        let links = self.hosts.last().map(|planned| planned.key.links.clone());
        self.inferred(scope, facts, host, links);
    }

    /// A host that only routes know is in the table of port 80, and in those of the services
    /// that the same routes name (Istio).
    fn host_of_routes(&mut self, scope: &Scope, host: &Hostname, facts: &Facts) {
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
                    self.backends.extend(backends(scope, service, target, port));
                }
            }
        }
        self.backends.dedup();
    }

    fn claim(&mut self, service: &Candidate, port: &ServicePort, egress: &Egress, merged: &Merged) {
        let protocol = egress.port.as_ref().map_or(port.protocol, |p| p.protocol);
        let number = port.number;
        let policy = merged.effective(number, None);
        let affinity = match hash_key(&service.service, &policy) {
            Some(HashKey::SourceIp) => Affinity::SourceAddress,
            Some(HashKey::Header(_) | HashKey::Cookie { .. } | HashKey::QueryParameter(_))
            | None => Affinity::None,
        };
        let claim = |speaks| Claim {
            order: (service.rank.seniority.clone(), service.service.host.clone()),
            speaks,
            cluster: ClusterName::Outbound {
                port: number,
                subset: None,
                host: service.service.host.clone(),
            },
            idle_timeout: policy
                .connection_pool
                .as_ref()
                .and_then(|pool| pool.tcp_idle_timeout),
            affinity,
            origin: service.service.origin.clone(),
        };
        let slot = |capture, place| Slot {
            capture,
            place,
            port: number,
        };
        let speaks = match protocol {
            Protocol::Udp => return,
            Protocol::Detect => Speaks::Detect,
            Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::GrpcWeb => Speaks::Http,
            Protocol::Https | Protocol::Tls | Protocol::Tcp | Protocol::Opaque => Speaks::Tcp {
                range: None,
                opaque: protocol == Protocol::Opaque,
            },
        };
        let socket = Place::Socket(egress.bind);
        self.claims
            .push((slot(Capture::Bound, socket), claim(speaks.clone())));
        if egress.bound {
            self.claims
                .push((slot(Capture::Captured, socket), claim(speaks)));
            return;
        }
        for (place, speaks) in captured(&speaks, &service.service.addresses, egress.bind) {
            self.claims
                .push((slot(Capture::Captured, place), claim(speaks)));
        }
    }
}

/// Where captured traffic to a service arrives.
fn captured(
    speaks: &Speaks,
    addresses: &[ipnet::IpNet],
    bind: Option<IpAddr>,
) -> Vec<(Place, Speaks)> {
    if let Some(address) = bind {
        return vec![(Place::Address(address), speaks.clone())];
    }
    if *speaks == Speaks::Http || addresses.is_empty() {
        return vec![(Place::Anywhere, speaks.clone())];
    }
    addresses
        .iter()
        .map(|net| {
            if net.prefix_len() == net.max_prefix_len() {
                return (Place::Address(net.addr()), speaks.clone());
            }
            let speaks = match speaks {
                Speaks::Tcp { opaque, .. } => Speaks::Tcp {
                    range: Some(net.trunc()),
                    opaque: *opaque,
                },
                other => other.clone(),
            };
            (Place::Anywhere, speaks)
        })
        .collect()
}

/// The clusters of a service's port: for all instances, and for each subset.
fn backends(
    scope: &Scope,
    service: &Candidate,
    target: &Target,
    port: &ServicePort,
) -> Vec<PlannedBackend> {
    let chosen = policies::choose(scope, target, &service.service.namespace);
    let merged = Merged::of(chosen.iter().map(|candidate| &candidate.policies));
    let ids = policies::ids(&chosen);
    std::iter::once(None)
        .chain(merged.subsets().cloned().map(Some))
        .map(|subset: Option<SubsetName>| {
            let policy = merged.effective(port.number, subset.as_ref());
            let by_address = service.service.resolution == Resolution::Original
                || (service.service.resolution == Resolution::Headless && !port.protocol.is_http())
                || policy
                    .load_balancer
                    .as_ref()
                    .is_some_and(|lb| lb.algorithm == Algorithm::Passthrough);
            let has_endpoints = !by_address
                && !matches!(
                    service.service.resolution,
                    Resolution::Dns(_) | Resolution::DnsRoundRobin(_)
                );
            let needs = if by_address {
                Needs::default()
            } else {
                Preference::of(&service.service, &policy, &scope.mesh)
                    .needs(&service.service, service.hinted)
            };
            PlannedBackend {
                key: Arc::new(Backend {
                    name: ClusterName::Outbound {
                        port: port.number,
                        subset,
                        host: service.service.host.clone(),
                    },
                    service: service.id().clone(),
                    policies: ids.clone(),
                    viewer: Viewer::default(),
                }),
                has_endpoints,
                needs,
            }
        })
        .collect()
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
