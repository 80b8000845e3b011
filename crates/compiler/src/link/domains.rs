//! The `:authority` values by which a service is reached, each held by one virtual host of a
//! table at most: Envoy refuses a table with a domain twice.

use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_mesh::decl::service::{Resolution, Service};
use ferromesh_mesh::name::{Hostname, Namespace};
use ferromesh_mesh::policy::protocol::Protocol;

use super::facts::{Candidate, Facts};
use super::scope::Scope;
use crate::index::ServiceRank;
use crate::question::Domain;

/// The domain of requests to hosts that are not in the table.
const EVERYTHING: &str = "*";

/// How strong a claim to a domain is: a name beats an alias, an alias an address, an address a
/// bare name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Name,
    Alias,
    Address,
    Short,
}

/// Domains that a service would like to have, without port, strongest first.
fn wishes(service: &Service) -> Vec<(Strength, Domain)> {
    let everywhere = |strength, text: &str| (strength, Domain::Everywhere(Arc::from(text)));
    let names = std::iter::once((Strength::Name, &service.host))
        .chain(service.aliases.iter().map(|a| (Strength::Alias, a)));
    let mut wishes: Vec<_> = names
        .map(|(strength, name)| everywhere(strength, name.as_str()))
        .collect();
    if service.resolution == Resolution::Headless {
        let names: Vec<_> = wishes
            .iter()
            .filter_map(|(_, domain)| match domain {
                Domain::Everywhere(name) => Some(everywhere(Strength::Alias, &format!("*.{name}"))),
                Domain::Short(..) => None,
            })
            .collect();
        wishes.extend(names);
    }
    let single = service
        .addresses
        .iter()
        .filter(|net| net.prefix_len() == net.max_prefix_len());
    wishes.extend(single.map(|net| match net.addr() {
        IpAddr::V4(address) => everywhere(Strength::Address, &address.to_string()),
        IpAddr::V6(address) => everywhere(Strength::Address, &format!("[{address}]")),
    }));
    if let Some(short) = &service.short_name {
        let bare = |name: Arc<str>| {
            let domain = Domain::Short(service.namespace.clone(), name);
            (Strength::Short, domain)
        };
        wishes.push(bare(short.clone()));
        if service.resolution == Resolution::Headless {
            // Instances by name, as those of a StatefulSet know each other.
            wishes.push(bare(Arc::from(format!("*.{short}"))));
        }
    }
    wishes
}

/// Domains under which a service is listed as one that wants them.
pub(crate) fn wanted(service: &Service) -> impl Iterator<Item = Domain> {
    wishes(service).into_iter().map(|(_, domain)| domain)
}

/// Domains whose other claimants matter to a service: those that it wants, and for its bare name
/// also whoever has that name everywhere.
pub(crate) fn contested(service: &Service) -> impl Iterator<Item = Domain> {
    wishes(service).into_iter().flat_map(|(_, domain)| {
        let everywhere = match &domain {
            Domain::Short(_, name) => Some(Domain::Everywhere(name.clone())),
            Domain::Everywhere(_) => None,
        };
        std::iter::once(domain).chain(everywhere)
    })
}

/// The domain as the clients of a namespace write it; `None` if it isn't theirs.
fn written(domain: &Domain, namespace: &Namespace) -> Option<Arc<str>> {
    match domain {
        Domain::Everywhere(name) => Some(name.clone()),
        Domain::Short(of, name) => (of == namespace).then(|| name.clone()),
    }
}

/// The claim of a service to a domain, the stronger the smaller.
fn claim(
    candidate: &Candidate,
    text: &str,
    namespace: &Namespace,
) -> Option<(Strength, ServiceRank)> {
    wishes(&candidate.service)
        .into_iter()
        .find(|(_, domain)| written(domain, namespace).is_some_and(|name| &*name == text))
        .map(|(strength, _)| (strength, candidate.rank.clone()))
}

/// The domains, without port, that a service has in the table of a port.
pub(crate) fn of_service(
    scope: &Scope,
    facts: &Facts,
    candidate: &Candidate,
    port: u16,
) -> Vec<Arc<str>> {
    let rivals: Vec<&Candidate> = facts
        .rivals
        .iter()
        .filter_map(|rival| scope.choose(&rival.services))
        .filter(|rival| has_host(scope, rival, port))
        .collect();
    let mut domains: Vec<Arc<str>> = Vec::new();
    for (strength, domain) in wishes(&candidate.service) {
        let Some(text) = written(&domain, &scope.namespace) else {
            continue;
        };
        if &*text == EVERYTHING || (strength == Strength::Short && facts.shadowed.contains(&text)) {
            continue;
        }
        let mine = (strength, candidate.rank.clone());
        let is_lost = rivals
            .iter()
            .filter_map(|rival| claim(rival, &text, &scope.namespace))
            .any(|theirs| theirs < mine);
        if !is_lost && !domains.contains(&text) {
            domains.push(text);
        }
    }
    domains
}

/// Whether a service has a virtual host in the table of a port.
pub(crate) fn has_host(scope: &Scope, candidate: &Candidate, port: u16) -> bool {
    candidate.service.ports.iter().any(|p| {
        p.number == port
            && (p.protocol.is_http() || p.protocol == Protocol::Detect)
            && scope.imports_service(candidate, port)
    })
}

/// Domains with and without port, as Istio writes them.
pub(crate) fn with_port(names: &[Arc<str>], port: u16) -> Vec<Arc<str>> {
    names
        .iter()
        .flat_map(|name| [name.clone(), Arc::from(format!("{name}:{port}"))])
        .collect()
}

/// Domains of the table of all ports: without port only those of port 80.
pub(crate) fn of_all_ports(names: &[Arc<str>], port: u16) -> Vec<Arc<str>> {
    if port == 80 {
        return with_port(names, port);
    }
    names
        .iter()
        .map(|name| Arc::from(format!("{name}:{port}")))
        .collect()
}

/// The name of a host that only routes know; none if a service has it in the table of a port.
pub(crate) fn of_routes(scope: &Scope, host: &Hostname, facts: &Facts, port: u16) -> Vec<Arc<str>> {
    let is_taken = facts
        .rivals
        .iter()
        .filter_map(|rival| scope.choose(&rival.services))
        .filter(|rival| has_host(scope, rival, port))
        .any(|rival| claim(rival, host.as_str(), &scope.namespace).is_some());
    let is_everything = host.as_str() == EVERYTHING;
    (!is_taken && !is_everything)
        .then(|| Arc::from(host.as_str()))
        .into_iter()
        .collect()
}
