//! Policies that guard workloads: those that select nobody or never count, and what they demand
//! of traffic that never can fulfil it.

mod authorizers;
mod clients;
mod peers;
mod rules;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::decl::workload::Workload;
use ferromesh_mesh::decl::{Declaration, Selector};
use ferromesh_mesh::diagnostic::Diagnostic;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::origin::Origin;

use super::warn;
use crate::identity::{DeclId, Seniority};
use crate::index::Index;
use crate::index::reading::Reading;

/// Checks all policies, and the traffic policies of clients against them.
pub(super) fn check(index: &Index, reading: &mut Reading<'_>, list: &mut Vec<Diagnostic>) {
    let census = Census::take(index, reading);
    for (id, declaration) in index.declarations() {
        match declaration {
            Declaration::PeerAuthentication(found) => {
                let seniority = Seniority {
                    age: found.age.clone(),
                    id: id.clone(),
                };
                peers::check(&seniority, found, &census, reading, list);
            }
            Declaration::Authorization(found) => {
                census.check(&found.namespace, &found.selector, &found.origin, list);
                rules::check(found, &census, reading, list);
                authorizers::check(found, &census, reading, list);
            }
            Declaration::RequestAuthentication(found) => {
                census.check(&found.namespace, &found.selector, &found.origin, list);
                tokens::check(found, reading, list);
            }
            Declaration::TrafficPolicies(found) => clients::check(found, reading, list),
            Declaration::MeshConfig(_)
            | Declaration::Node(_)
            | Declaration::Workload(_)
            | Declaration::Service(_)
            | Declaration::Endpoints(_)
            | Declaration::HttpRoutes(_)
            | Declaration::Sidecar(_)
            | Declaration::KeySet(_) => {}
        }
    }
}

/// All workloads. Only remarks to people need them all.
struct Census {
    root: Namespace,
    by_namespace: BTreeMap<Namespace, Vec<Arc<Workload>>>,
}

impl Census {
    fn take(index: &Index, reading: &mut Reading<'_>) -> Self {
        let mut by_namespace: BTreeMap<Namespace, Vec<Arc<Workload>>> = BTreeMap::new();
        let mut workloads: Vec<(&DeclId, &Arc<Workload>)> = index
            .declarations()
            .filter_map(|(id, declaration)| match declaration {
                Declaration::Workload(workload) => Some((id, workload)),
                _ => None,
            })
            .collect();
        workloads.sort_by_key(|(id, _)| *id);
        for (_, workload) in workloads {
            by_namespace
                .entry(workload.name.namespace.clone())
                .or_default()
                .push(workload.clone());
        }
        Self {
            root: reading.mesh().root_namespace.clone(),
            by_namespace,
        }
    }

    /// The workloads of a namespace.
    fn of(&self, namespace: &Namespace) -> &[Arc<Workload>] {
        self.by_namespace.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// The workloads that the policy of an author selects.
    fn selected<'c>(
        &'c self,
        author: &Namespace,
        selector: &'c Selector,
    ) -> impl Iterator<Item = &'c Arc<Workload>> {
        let everywhere = (*author == self.root).then(|| self.by_namespace.values().flatten());
        let here = self.of(author);
        let here = if everywhere.is_some() { &[][..] } else { here };
        everywhere
            .into_iter()
            .flatten()
            .chain(here)
            .filter(|workload| selector.selects(&workload.labels))
    }

    /// Checks whether a selector selects anybody.
    fn check(
        &self,
        author: &Namespace,
        selector: &Selector,
        origin: &Origin,
        list: &mut Vec<Diagnostic>,
    ) {
        if selector.is_empty() || self.selected(author, selector).next().is_some() {
            return;
        }
        let labels: Vec<String> = selector.0.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let labels = labels.join(",");
        let place = if *author == self.root {
            "of the mesh".to_owned()
        } else {
            format!("of namespace {author}")
        };
        let message = format!("no workload {place} has the labels {labels}: this has no effect");
        let is_elsewhere = |(namespace, workloads): &(&Namespace, &Vec<Arc<Workload>>)| {
            *namespace != author && workloads.iter().any(|w| selector.selects(&w.labels))
        };
        let hint = match self.by_namespace.iter().find(is_elsewhere) {
            Some((other, _)) => format!("workloads of namespace {other} have them: move it there"),
            None => "correct the labels, or those of the workload".to_owned(),
        };
        let field = origin.field("selector");
        list.push(warn(&field, "selects-nothing", message).hint(hint));
    }
}

/// A workload as people write it.
fn named(workload: &Workload) -> String {
    format!("{}.{}", workload.name.name, workload.name.namespace)
}
