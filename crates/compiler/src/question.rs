//! What a reader can ask, and what a change can answer differently.

use std::sync::Arc;

use ferromesh_mesh::decl::workload::WorkloadKind;
use ferromesh_mesh::decl::{Labels, Selector};
use ferromesh_mesh::name::{Hostname, Namespace, NodeName, WorkloadName};
use ferromesh_mesh::policy::jwt::KeySource;

use crate::identity::DeclId;

/// A label and its value; `None` stands for everything in the namespace.
pub(crate) type Pair = Option<(Arc<str>, Arc<str>)>;

/// A question about the declarations. A change dirties every question that the declaration
/// answers, or answered before; absence is an answer too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Question {
    /// Which services have exactly this name?
    Services(Hostname),
    /// Which routes name exactly this host or pattern?
    Routes(Hostname),
    /// Which traffic policies name exactly this host or pattern?
    Policies(Hostname),
    /// Does the pattern cover any service?
    Covered(Hostname),
    /// Which services want this domain?
    Domain(Domain),
    /// What does this declaration say?
    Declaration(DeclId),
    /// Which instances does the service of this namespace and name have?
    Instances(Namespace, Hostname),
    /// Do those instances carry topology hints?
    Hinted(Namespace, Hostname),
    /// What is the workload of this name?
    Workload(WorkloadName),
    /// Which workloads have this address?
    Address(Namespace, Arc<str>),
    /// Which workloads of this kind have this label?
    Labelled(Namespace, WorkloadKind, Pair),
    /// Which services select workloads by this label?
    Selecting(Namespace, Pair),
    /// Where is this node?
    Node(NodeName),
    /// Which Sidecars does this namespace have?
    Sidecars(Namespace),
    /// What does the mesh configuration say?
    Mesh,
    /// Which policies guard workloads with this label?
    Guards(Namespace, Pair),
    /// Does a policy of this namespace turn the mesh's TLS off?
    Plaintext(Namespace),
    /// Which external authorizers do the policies of this namespace ask?
    Providers(Namespace),
    /// Who is behind the service of this namespace and name?
    Peers(Namespace, Hostname),
    /// Which keys were fetched from there?
    KeySet(KeySource),
}

/// A name in an `:authority` that at most one virtual host of a table can have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Domain {
    /// For all clients.
    Everywhere(Arc<str>),
    /// A bare name, for clients of one namespace.
    Short(Namespace, Arc<str>),
}

/// The label of a selector under which it is indexed.
pub(crate) fn index_pair(selector: &Selector) -> Pair {
    selector
        .0
        .first_key_value()
        .map(|(key, value)| (key.clone(), value.clone()))
}

/// Every pair under which a selector could be indexed that selects these labels.
pub(crate) fn pairs(labels: &Labels) -> impl Iterator<Item = Pair> + '_ {
    labels
        .iter()
        .map(|(key, value)| Some((key.clone(), value.clone())))
        .chain(std::iter::once(None))
}

/// The kinds of questions, for the test that proves that every kind is needed.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuestionKind {
    Services,
    Routes,
    Policies,
    Covered,
    Domain,
    Declaration,
    Instances,
    Hinted,
    Workload,
    Address,
    Labelled,
    Selecting,
    Node,
    Sidecars,
    Mesh,
    Guards,
    Plaintext,
    Providers,
    Peers,
    KeySet,
}

#[cfg(test)]
impl QuestionKind {
    pub(crate) const ALL: [Self; 20] = [
        Self::Services,
        Self::Routes,
        Self::Policies,
        Self::Covered,
        Self::Domain,
        Self::Declaration,
        Self::Instances,
        Self::Hinted,
        Self::Workload,
        Self::Address,
        Self::Labelled,
        Self::Selecting,
        Self::Node,
        Self::Sidecars,
        Self::Mesh,
        Self::Guards,
        Self::Plaintext,
        Self::Providers,
        Self::Peers,
        Self::KeySet,
    ];
}

#[cfg(test)]
impl Question {
    pub(crate) fn kind(&self) -> QuestionKind {
        match self {
            Self::Services(_) => QuestionKind::Services,
            Self::Routes(_) => QuestionKind::Routes,
            Self::Policies(_) => QuestionKind::Policies,
            Self::Covered(_) => QuestionKind::Covered,
            Self::Domain(_) => QuestionKind::Domain,
            Self::Declaration(_) => QuestionKind::Declaration,
            Self::Instances(..) => QuestionKind::Instances,
            Self::Hinted(..) => QuestionKind::Hinted,
            Self::Workload(_) => QuestionKind::Workload,
            Self::Address(..) => QuestionKind::Address,
            Self::Labelled(..) => QuestionKind::Labelled,
            Self::Selecting(..) => QuestionKind::Selecting,
            Self::Node(_) => QuestionKind::Node,
            Self::Sidecars(_) => QuestionKind::Sidecars,
            Self::Mesh => QuestionKind::Mesh,
            Self::Guards(..) => QuestionKind::Guards,
            Self::Plaintext(_) => QuestionKind::Plaintext,
            Self::Providers(_) => QuestionKind::Providers,
            Self::Peers(..) => QuestionKind::Peers,
            Self::KeySet(_) => QuestionKind::KeySet,
        }
    }
}
