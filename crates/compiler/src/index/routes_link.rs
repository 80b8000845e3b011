//! The part of routes that decides whom they concern. An edit that leaves it equal touches only
//! the virtual hosts that carry the rules.

use std::collections::BTreeSet;

use ferromesh_mesh::decl::http_routes::{HttpAction, HttpMatch, HttpRoutes};
use ferromesh_mesh::decl::{Export, Labels};
use ferromesh_mesh::name::{Hostname, Namespace};

use crate::identity::DeclId;

/// Whom routes concern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoutesLink {
    /// The routes.
    pub(crate) id: DeclId,
    /// The author's namespace.
    pub(crate) namespace: Namespace,
    /// All hosts that they name.
    pub(crate) hosts: Vec<Hostname>,
    /// Who may see them.
    pub(crate) export: Export,
    /// All hosts that they send to.
    pub(crate) destinations: BTreeSet<Hostname>,
    /// On which ports and for whom there is a rule at all.
    pub(crate) guards: BTreeSet<Guard>,
}

/// On which port and for whom a rule counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Guard {
    /// The port; `None` = all.
    pub(crate) port: Option<u16>,
    /// The clients.
    pub(crate) source: Source,
}

/// For which clients a rule counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Source {
    /// Labels that they must have.
    pub(crate) labels: Labels,
    /// Their namespace; `None` = any.
    pub(crate) namespace: Option<Namespace>,
}

impl Source {
    /// For whom a match counts.
    pub(crate) fn of(matches: &HttpMatch) -> Self {
        Self {
            labels: matches.source_labels.clone(),
            namespace: matches.source_namespace.clone(),
        }
    }

    /// Whether the client's namespace may be this.
    pub(crate) fn allows(&self, namespace: &Namespace) -> bool {
        self.namespace.as_ref().is_none_or(|only| only == namespace)
    }

    /// Whether the client's labels may be these.
    pub(crate) fn fits(&self, labels: &Labels) -> bool {
        self.labels
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
    }
}

impl RoutesLink {
    /// Whom these routes concern.
    pub(crate) fn of(id: &DeclId, routes: &HttpRoutes) -> Self {
        let mut destinations = BTreeSet::new();
        let mut guards = BTreeSet::new();
        for rule in &routes.rules {
            for matches in &rule.matches {
                guards.insert(Guard {
                    port: matches.port,
                    source: Source::of(matches),
                });
            }
            if let HttpAction::Forward(forward) = &rule.action {
                let backends = forward.backends.iter().map(|b| &b.destination);
                let mirrors = forward.mirrors.iter().map(|m| &m.destination);
                destinations.extend(backends.chain(mirrors).map(|d| d.host.clone()));
            }
        }
        Self {
            id: id.clone(),
            namespace: routes.namespace.clone(),
            hosts: routes.hosts.clone(),
            export: routes.export.clone(),
            destinations,
            guards,
        }
    }
}
