//! Routes: destinations that lead nowhere, hosts that nobody has, and routes that never count.

use ferromesh_mesh::decl::http_routes::{Destination, HttpAction, HttpRoutes};
use ferromesh_mesh::decl::mesh_config::MeshConfig;
use ferromesh_mesh::decl::service::Service;
use ferromesh_mesh::diagnostic::Diagnostic;
use ferromesh_mesh::name::Hostname;
use ferromesh_mesh::policy::protocol::Protocol;

use super::{sees, warn, way_to_host};
use crate::identity::Seniority;
use crate::index::reading::Reading;

/// Checks routes.
pub(super) fn check(
    seniority: &Seniority,
    routes: &HttpRoutes,
    mesh: &MeshConfig,
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    for (at, host) in routes.hosts.iter().enumerate() {
        check_host(seniority, routes, (at, host), mesh, reading, list);
    }
    for rule in &routes.rules {
        if let HttpAction::Forward(forward) = &rule.action {
            let backends = forward.backends.iter().map(|b| &b.destination);
            for destination in backends.chain(forward.mirrors.iter().map(|m| &m.destination)) {
                check_destination(routes, destination, mesh, reading, list);
            }
        }
    }
}

fn check_host(
    seniority: &Seniority,
    routes: &HttpRoutes,
    (at, host): (usize, &Hostname),
    mesh: &MeshConfig,
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    let field = routes.origin.field(&format!("hosts[{at}]"));
    let older = reading
        .routes(host)
        .take_while(|(other, _)| *other < seniority)
        .map(|(other, link)| (other.clone(), link.clone()))
        .find(|(_, link)| {
            sees(
                &routes.namespace,
                &link.namespace,
                &link.export,
                &mesh.routes_export,
            )
        });
    if let Some((older, _)) = older {
        let message = format!(
            "{} comes first (by age, then by name) and has rules for {host}: these never count",
            older.id.object
        );
        list.push(
            warn(&field, "conflicting-routes", message)
                .hint("put all rules for a host into one object"),
        );
    }
    let is_known = if host.is_wildcard() {
        reading.is_covering(host)
    } else {
        visible(host, routes, mesh, reading).is_some()
    };
    if !is_known {
        let message = format!("no service is called {host}: only requests to port 80 are routed");
        let hint = way_to_host(host, &routes.namespace, reading);
        list.push(warn(&field, "unknown-host", message).hint(hint));
    }
}

fn visible<'i>(
    host: &Hostname,
    routes: &HttpRoutes,
    mesh: &MeshConfig,
    reading: &mut Reading<'i>,
) -> Option<&'i Service> {
    reading
        .services(host)
        .map(|(_, service)| &**service)
        .find(|service| {
            sees(
                &routes.namespace,
                &service.namespace,
                &service.export,
                &mesh.service_export,
            )
        })
}

fn check_destination(
    routes: &HttpRoutes,
    destination: &Destination,
    mesh: &MeshConfig,
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    let Destination {
        host,
        subset,
        port,
        origin,
    } = destination;
    let Some(service) = visible(host, routes, mesh, reading) else {
        let message = format!("no service is called {host}: requests get 503");
        let hint = way_to_host(host, &routes.namespace, reading);
        list.push(warn(&origin.field("host"), "unknown-host", message).hint(hint));
        return;
    };
    if let Some(number) = port {
        let usable: Vec<String> = service
            .ports
            .iter()
            .filter(|port| port.protocol != Protocol::Udp)
            .map(|port| port.number.to_string())
            .collect();
        if !usable.contains(&number.to_string()) {
            let message = format!("{host} has no port {number}: requests get 503");
            list.push(
                warn(&origin.field("port.number"), "unknown-port", message)
                    .hint(format!("its ports are {}", usable.join(", "))),
            );
        }
    }
    if let Some(subset) = subset {
        let mut known = Vec::new();
        for pattern in host.patterns() {
            for (_, policies) in reading.policies(&pattern) {
                known.extend(
                    policies
                        .subsets
                        .iter()
                        .map(|subset| subset.name.to_string()),
                );
            }
        }
        if !known.iter().any(|name| name == subset.as_str()) {
            known.sort();
            known.dedup();
            let message = format!("{host} has no subset {subset}: requests get 503");
            let hint = match known.as_slice() {
                [] => "declare it in a DestinationRule for that host".to_owned(),
                some => format!("its subsets are {}", some.join(", ")),
            };
            list.push(warn(&origin.field("subset"), "unknown-subset", message).hint(hint));
        }
    }
}
