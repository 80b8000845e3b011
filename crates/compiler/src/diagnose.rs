//! Faults between objects, found when somebody asks: dangling references, conflicts, what is
//! shadowed or never reached. Nothing of this costs anything while compiling.

mod policies;
mod ports;
mod proxies;
mod routes;
mod security;
mod services;
mod unreachable;

use std::collections::BTreeSet;

use ferromesh_mesh::closest::closest;
use ferromesh_mesh::decl::{Declaration, Export, Visibility};
use ferromesh_mesh::diagnostic::{Diagnostic, Severity};
use ferromesh_mesh::name::{Hostname, Namespace};
use ferromesh_mesh::origin::Origin;

use crate::identity::Seniority;
use crate::index::Index;
use crate::index::reading::Reading;

pub(crate) use proxies::{Facing, proxy};

/// Faults between declarations, whether a proxy is there or not.
pub(crate) fn declarations(index: &Index) -> Vec<Diagnostic> {
    let mut list = Vec::new();
    let mut reading = Reading::new(index);
    let mesh = reading.mesh().clone();
    let mut hosts = BTreeSet::new();
    for (id, declaration) in index.declarations() {
        match declaration {
            Declaration::HttpRoutes(found) => {
                let seniority = Seniority {
                    age: found.age.clone(),
                    id: id.clone(),
                };
                routes::check(&seniority, found, &mesh, &mut reading, &mut list);
                unreachable::check(found, &mut list);
                hosts.extend(found.hosts.iter().cloned());
            }
            Declaration::TrafficPolicies(found) => {
                policies::check(id, found, &mut reading, &mut list);
            }
            Declaration::Service(found) => {
                services::check(id, found, &mesh, &mut reading, &mut list);
                hosts.insert(found.host.clone());
            }
            Declaration::Sidecar(found) => {
                services::check_sidecar(id, found, &mut reading, &mut list)
            }
            Declaration::MeshConfig(_)
            | Declaration::Node(_)
            | Declaration::Workload(_)
            | Declaration::Endpoints(_)
            | Declaration::PeerAuthentication(_)
            | Declaration::Authorization(_)
            | Declaration::RequestAuthentication(_)
            | Declaration::KeySet(_) => {}
        }
    }
    ports::check(&hosts, &mut reading, &mut list);
    security::check(index, &mut reading, &mut list);
    list
}

/// A warning about a field.
fn warn(origin: &Origin, code: &'static str, message: String) -> Diagnostic {
    Diagnostic::at(origin, Severity::Warning, code, message)
}

/// Whether `reader` sees what `author` exports.
fn sees(reader: &Namespace, author: &Namespace, export: &Export, default: &Visibility) -> bool {
    match export {
        Export::MeshDefault => default.includes(author, reader),
        Export::To(visibility) => visibility.includes(author, reader),
    }
}

/// The name that the author may have meant: the same name in another namespace, or one that is
/// spelled nearly alike.
fn meant(host: &Hostname, reader: &Namespace, reading: &Reading<'_>) -> Option<Hostname> {
    let first = |name: &Hostname| name.as_str().split('.').next().map(str::to_owned);
    let known: Vec<Hostname> = reading.hosts().collect();
    let elsewhere = known
        .iter()
        .filter(|name| first(name) == first(host))
        .min_by_key(|name| (!name.as_str().contains(&format!(".{reader}.")), *name));
    elsewhere
        .cloned()
        .or_else(|| closest(host.as_str(), known.iter().map(Hostname::as_str)).map(Hostname::new))
}

/// A way out for the author of a host that nobody has.
fn way_to_host(host: &Hostname, reader: &Namespace, reading: &Reading<'_>) -> String {
    match meant(host, reader, reading) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => "declare a Service or ServiceEntry for it, or correct the name".to_owned(),
    }
}
