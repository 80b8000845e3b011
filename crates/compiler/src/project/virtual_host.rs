//! Virtual hosts.

use ferromesh_mesh::decl::http_routes::Retry;
use ferromesh_mesh::policy::headers::MessageHeaders;
use ferromesh_mesh::policy::matches::RequestMatch;
use ferromesh_mesh::policy::rewrite::Rewrite;
use ferromesh_mesh::policy::timeout::Timeout;
use ferromesh_mesh::view::cluster::ClusterName;
use ferromesh_mesh::view::virtual_host::{
    Action, BackendTarget, Forward, Route, RouteBackend, VirtualHost,
};

use super::route::{self, Destinations};
use crate::identity::DeclId;
use crate::index::reading::Reading;
use crate::index::routes_link::Source;
use crate::link::keys::Host;

/// The virtual host of a key.
pub(super) fn project(key: &Host, reading: &mut Reading<'_>) -> VirtualHost {
    let destinations = Destinations::read(key, reading);
    let routes = match &key.routes {
        Some(id) => routes(key, id, &destinations, reading),
        None => vec![default(key, &destinations, reading)],
    };
    VirtualHost {
        table: key.table.clone(),
        host: key.host.clone(),
        port: key.port,
        domains: key.domains.to_vec(),
        routes,
    }
}

/// One route for each alternative that is for these clients; nothing after one that every
/// request matches.
fn routes(
    key: &Host,
    id: &DeclId,
    destinations: &Destinations,
    reading: &mut Reading<'_>,
) -> Vec<Route> {
    let mut routes = Vec::new();
    let Some(declared) = reading.http_routes(id) else {
        return routes;
    };
    for rule in &declared.rules {
        for matches in &rule.matches {
            if matches.port.is_some_and(|only| only != key.port)
                || !key.holds.contains(&Source::of(matches))
            {
                continue;
            }
            routes.push(route::project(rule, matches, destinations, reading));
            if matches.request.is_any() {
                return routes;
            }
        }
    }
    routes
}

/// The route of a service that nobody wrote routes for.
fn default(key: &Host, destinations: &Destinations, reading: &mut Reading<'_>) -> Route {
    let name = ClusterName::Outbound {
        port: key.port,
        subset: None,
        host: key.host.clone(),
    };
    Route {
        name: "default".into(),
        request: RequestMatch::any(),
        stat_prefix: "".into(),
        action: Action::Forward(Box::new(Forward {
            hash: destinations.hash(&name).into_iter().collect(),
            backends: vec![RouteBackend {
                target: BackendTarget::Cluster(name),
                weight: 1,
                headers: MessageHeaders::default(),
                authority: None,
            }],
            timeout: Timeout::Unlimited,
            retry: route::retry(&Retry::MeshDefault, reading),
            rewrite: Rewrite::default(),
            mirrors: Vec::new(),
        })),
        headers: MessageHeaders::default(),
        cors: None,
        fault: None,
        origin: None,
    }
}
