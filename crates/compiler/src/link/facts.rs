//! What is known about a host, for all scopes alike.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_mesh::decl::service::{Resolution, Service};
use ferromesh_mesh::decl::traffic_policy::TrafficPolicies;
use ferromesh_mesh::name::Hostname;
use ferromesh_mesh::policy::protocol::Protocol;
use ipnet::IpNet;

use super::domains;
use crate::identity::DeclId;
use crate::index::ServiceRank;
use crate::index::reading::Reading;
use crate::index::routes_link::RoutesLink;
use crate::question::Domain;

/// How many hosts of one object are looked at to find the tables of the others: all pairs would be
/// too many for an object with thousands of hosts.
const FELLOWS: usize = 64;

/// A service that a name may mean.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate {
    /// Its precedence.
    pub(crate) rank: ServiceRank,
    /// What it says.
    pub(crate) service: Arc<Service>,
    /// Whether its instances carry topology hints.
    pub(crate) hinted: bool,
    /// The addresses of its instances, if it is headless and has more than requests: connections
    /// name nobody, so that only the address tells whose they are.
    pub(crate) instances: BTreeSet<IpNet>,
}

impl Candidate {
    /// Who it is.
    pub(crate) fn id(&self) -> &DeclId {
        &self.rank.seniority.id
    }

    /// The addresses at which clients reach it: its own, or those of its instances.
    pub(crate) fn addresses(&self) -> Vec<IpNet> {
        let own = self.service.addresses.iter();
        own.chain(&self.instances).copied().collect()
    }
}

/// Routes for a host.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RouteCandidate {
    /// The host or pattern by which they were found.
    pub(crate) pattern: Hostname,
    /// Whom they concern.
    pub(crate) link: Arc<RoutesLink>,
}

/// A policy for a host.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PolicyCandidate {
    /// Who it is.
    pub(crate) id: DeclId,
    /// What it says, with the host or pattern by which it was found.
    pub(crate) policies: Arc<TrafficPolicies>,
}

/// What traffic to a host may meet.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Target {
    /// Services of that name, by precedence.
    pub(crate) services: Vec<Candidate>,
    /// Policies, the most specific first, then the oldest.
    pub(crate) policies: Vec<PolicyCandidate>,
}

/// Services that want the same domain.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rival {
    /// Their host.
    pub(crate) host: Hostname,
    /// Services of that name, by precedence.
    pub(crate) services: Vec<Candidate>,
}

/// What is known about a host.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// The host itself.
    pub(crate) own: Target,
    /// Routes, the most specific first, then the oldest.
    pub(crate) routes: Vec<RouteCandidate>,
    /// Hosts that the routes send to, or name beside this one.
    pub(crate) others: BTreeMap<Hostname, Target>,
    /// Who else wants the domains of the services.
    pub(crate) rivals: Vec<Rival>,
    /// Bare names that routes use as a host of their own.
    pub(crate) shadowed: BTreeSet<Arc<str>>,
    /// Whether a pattern covers any service: then routes for the pattern have no virtual host of
    /// their own (Istio).
    pub(crate) covers_services: bool,
}

impl Facts {
    /// Gathers them.
    pub(crate) fn gather(host: &Hostname, reading: &mut Reading<'_>) -> Self {
        let own = Target::gather(host, reading);
        let mut routes = Vec::new();
        for pattern in host.patterns() {
            for (_, link) in reading.routes(&pattern) {
                routes.push(RouteCandidate {
                    pattern: pattern.clone(),
                    link: link.clone(),
                });
            }
        }
        let mut others = BTreeMap::new();
        for RouteCandidate { pattern, link } in &routes {
            let fellows = link.hosts.iter().filter(|_| pattern == host).take(FELLOWS);
            for other in link.destinations.iter().chain(fellows) {
                if other != host && !others.contains_key(other) {
                    others.insert(other.clone(), Target::gather(other, reading));
                }
            }
        }
        Self {
            rivals: rivals(host, &own, reading),
            shadowed: shadowed(&own, reading),
            covers_services: host.is_wildcard() && reading.is_covering(host),
            own,
            routes,
            others,
        }
    }

    /// What traffic to a host of the routes, or to this one, may meet.
    pub(crate) fn target(&self, host: &Hostname, own: &Hostname) -> Option<&Target> {
        if host == own {
            Some(&self.own)
        } else {
            self.others.get(host)
        }
    }
}

impl Target {
    fn gather(host: &Hostname, reading: &mut Reading<'_>) -> Self {
        let services = candidates(host, reading);
        let mut policies = Vec::new();
        // A name without a service has no cluster that a policy could shape.
        if !services.is_empty() {
            for pattern in host.patterns() {
                for (seniority, found) in reading.policies(&pattern) {
                    policies.push(PolicyCandidate {
                        id: seniority.id.clone(),
                        policies: found.clone(),
                    });
                }
            }
        }
        Self { services, policies }
    }
}

/// The services of a name, by precedence.
pub(crate) fn candidates(host: &Hostname, reading: &mut Reading<'_>) -> Vec<Candidate> {
    let found: Vec<_> = reading.services(host).collect();
    found
        .into_iter()
        .map(|(rank, service)| Candidate {
            rank: rank.clone(),
            hinted: reading.has_hints(&service.namespace, &service.host),
            instances: instances(service, reading),
            service: service.clone(),
        })
        .collect()
}

fn instances(service: &Service, reading: &mut Reading<'_>) -> BTreeSet<IpNet> {
    let has_connections = service
        .ports
        .iter()
        .any(|port| port.protocol != Protocol::Udp && !port.protocol.is_http());
    if service.resolution != Resolution::Headless || !has_connections {
        return BTreeSet::new();
    }
    reading
        .instances(&service.namespace, &service.host)
        .flat_map(|slice| &slice.instances)
        .filter_map(|instance| instance.address.parse::<IpAddr>().ok())
        .map(IpNet::from)
        .collect()
}

fn rivals(host: &Hostname, own: &Target, reading: &mut Reading<'_>) -> Vec<Rival> {
    let mut domains = BTreeSet::from([Domain::Everywhere(Arc::from(host.as_str()))]);
    for candidate in &own.services {
        domains.extend(domains::contested(&candidate.service));
    }
    let mut found = BTreeMap::new();
    for domain in domains {
        for rival in reading.wanting(&domain) {
            if rival != host && !found.contains_key(rival) {
                found.insert(rival.clone(), candidates(rival, reading));
            }
        }
    }
    found
        .into_iter()
        .map(|(host, services)| Rival { host, services })
        .collect()
}

fn shadowed(own: &Target, reading: &mut Reading<'_>) -> BTreeSet<Arc<str>> {
    own.services
        .iter()
        .filter_map(|candidate| candidate.service.short_name.as_ref())
        .filter(|name| reading.routes(&Hostname::new(name)).next().is_some())
        .cloned()
        .collect()
}
