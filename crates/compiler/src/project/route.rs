//! Routes.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::decl::http_routes::{
    self, Backend, Destination, HttpAction, HttpMatch, HttpRule, Retry,
};
use ferromesh_mesh::decl::service::Service;
use ferromesh_mesh::name::Hostname;
use ferromesh_mesh::policy::cors::Cors;
use ferromesh_mesh::policy::fault::Fault;
use ferromesh_mesh::policy::headers::MessageHeaders;
use ferromesh_mesh::policy::load_balancer::HashKey;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::policy::retry::RetryPolicy;
use ferromesh_mesh::view::cluster::ClusterName;
use ferromesh_mesh::view::virtual_host::{
    Action, BackendTarget, Forward, Route, RouteBackend, RouteMirror,
};

use crate::index::reading::Reading;
use crate::link::balancing;
use crate::link::keys::Host;
use crate::link::policies::Merged;

/// Whom the routes of a virtual host send to.
#[derive(Debug)]
pub(super) struct Destinations {
    port: u16,
    by_host: BTreeMap<Hostname, (Arc<Service>, Merged)>,
}

impl Destinations {
    /// Reads what the links of a key mean.
    pub(super) fn read(key: &Host, reading: &mut Reading<'_>) -> Self {
        let mut by_host = BTreeMap::new();
        for link in key.links.iter() {
            if let Some(service) = reading.service(&link.service).cloned() {
                let merged = Merged::read(&link.policies, reading);
                by_host.insert(link.host.clone(), (service, merged));
            }
        }
        Self {
            port: key.port,
            by_host,
        }
    }

    /// Where a destination leads.
    pub(super) fn resolve(&self, destination: &Destination) -> BackendTarget {
        let Destination {
            host,
            subset,
            port,
            origin: _,
        } = destination;
        let named = |port| ClusterName::Outbound {
            port,
            subset: subset.clone(),
            host: host.clone(),
        };
        let Some((service, merged)) = self.by_host.get(host) else {
            return BackendTarget::Missing(named(port.unwrap_or(self.port)));
        };
        let number = port.unwrap_or(match service.ports.as_slice() {
            [only] => only.number,
            _ => self.port,
        });
        let has_port = service
            .ports
            .iter()
            .any(|p| p.number == number && p.protocol != Protocol::Udp);
        let has_subset = subset.as_ref().is_none_or(|name| merged.has_subset(name));
        if has_port && has_subset {
            BackendTarget::Cluster(named(number))
        } else {
            BackendTarget::Missing(named(number))
        }
    }

    /// What is hashed to choose an instance of a cluster.
    pub(super) fn hash(&self, name: &ClusterName) -> Option<HashKey> {
        let ClusterName::Outbound { port, subset, host } = name else {
            return None;
        };
        let (service, merged) = self.by_host.get(host)?;
        balancing::hash_key(service, &merged.effective(*port, subset.as_ref()))
    }
}

/// The route of an alternative of a rule.
pub(super) fn project(
    rule: &HttpRule,
    matches: &HttpMatch,
    destinations: &Destinations,
    reading: &mut Reading<'_>,
) -> Route {
    let HttpRule {
        name,
        matches: _,
        action,
        origin,
    } = rule;
    let HttpMatch {
        name: match_name,
        request,
        port: _,
        source_labels: _,
        source_namespace: _,
        stat_prefix,
        origin: _,
    } = matches;
    let name = if match_name.is_empty() {
        name.clone()
    } else {
        Arc::from(format!("{name}.{match_name}"))
    };
    let (action, headers, cors, fault) = act(action, destinations, reading);
    Route {
        name,
        request: request.clone(),
        stat_prefix: stat_prefix.clone(),
        action,
        headers: headers.clone(),
        cors: cors.clone(),
        fault: fault.clone(),
        origin: Some(origin.clone()),
    }
}

type Acts<'r> = (
    Action,
    &'r MessageHeaders,
    &'r Option<Cors>,
    &'r Option<Fault>,
);

/// What is done, with what every kind of action has.
fn act<'r>(
    action: &'r HttpAction,
    destinations: &Destinations,
    reading: &mut Reading<'_>,
) -> Acts<'r> {
    match action {
        HttpAction::Forward(forward) => {
            let http_routes::Forward {
                backends: _,
                timeout: _,
                retry: _,
                rewrite: _,
                headers,
                mirrors: _,
                fault,
                cors,
            } = &**forward;
            let action = Action::Forward(Box::new(forwarding(forward, destinations, reading)));
            (action, headers, cors, fault)
        }
        HttpAction::Redirect {
            redirect,
            headers,
            cors,
            fault,
        } => (Action::Redirect(redirect.clone()), headers, cors, fault),
        HttpAction::DirectResponse {
            response,
            headers,
            cors,
            fault,
        } => (
            Action::DirectResponse(response.clone()),
            headers,
            cors,
            fault,
        ),
    }
}

fn forwarding(
    forward: &http_routes::Forward,
    destinations: &Destinations,
    reading: &mut Reading<'_>,
) -> Forward {
    let http_routes::Forward {
        backends,
        timeout,
        retry: said,
        rewrite,
        headers: _,
        mirrors,
        fault: _,
        cors: _,
    } = forward;
    let mut hash = Vec::new();
    let backends = backends
        .iter()
        .map(|backend| {
            let Backend {
                destination,
                weight,
                headers,
                authority,
            } = backend;
            let target = destinations.resolve(destination);
            if let BackendTarget::Cluster(name) = &target
                && let Some(key) = destinations.hash(name)
                && !hash.contains(&key)
            {
                hash.push(key);
            }
            RouteBackend {
                target,
                weight: *weight,
                headers: headers.clone(),
                authority: authority.clone(),
            }
        })
        .collect();
    let mirrors = mirrors
        .iter()
        .filter_map(|mirror| match destinations.resolve(&mirror.destination) {
            BackendTarget::Cluster(cluster) => Some(RouteMirror {
                cluster,
                share: mirror.share,
            }),
            BackendTarget::Missing(_) => None,
        })
        .collect();
    Forward {
        backends,
        timeout: *timeout,
        retry: retry(said, reading),
        rewrite: rewrite.clone(),
        mirrors,
        hash,
    }
}

/// The retries in force.
pub(super) fn retry(said: &Retry, reading: &mut Reading<'_>) -> Option<RetryPolicy> {
    match said {
        Retry::MeshDefault => reading.mesh().default_retry.clone(),
        Retry::Off => None,
        Retry::Policy(policy) => Some(policy.clone()),
    }
}
