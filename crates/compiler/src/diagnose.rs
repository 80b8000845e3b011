//! Faults between objects, found when somebody asks: dangling references, conflicts, what is
//! shadowed or never reached. Nothing of this costs anything while compiling.

mod policies;
mod ports;
mod proxies;
mod routes;
mod services;
mod unreachable;

use std::collections::BTreeSet;

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
            | Declaration::Endpoints(_) => {}
        }
    }
    ports::check(&hosts, &mut reading, &mut list);
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

/// The name that the author may have meant: a known one that differs in one or two letters, or
/// in the namespace only.
fn similar(
    host: &Hostname,
    reader: &Namespace,
    known: impl Iterator<Item = Hostname>,
) -> Option<Hostname> {
    let first = |name: &Hostname| name.as_str().split('.').next().unwrap_or("").to_owned();
    let wanted = first(host);
    known
        .filter(|known| known != host)
        .map(|known| {
            let is_near = known.as_str().contains(&format!(".{reader}."));
            let (a, b) = (known.as_str(), host.as_str());
            let rank = if first(&known) == wanted {
                1
            } else if a.len().abs_diff(b.len()) > 2 {
                usize::MAX
            } else {
                distance(a, b)
            };
            (rank, !is_near, known)
        })
        .filter(|(rank, _, _)| *rank <= 2)
        .min()
        .map(|(_, _, known)| known)
}

/// Edits that make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let above = *cell;
            left = (left + 1)
                .min(above + 1)
                .min(diagonal + usize::from(x != y));
            diagonal = above;
            *cell = left;
        }
        if let Some(start) = row.first_mut() {
            *start = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
