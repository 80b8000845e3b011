//! Whose tokens workloads accept.

use std::sync::Arc;

use super::Selector;
use crate::name::Namespace;
use crate::origin::{Age, Origin};
use crate::policy::jwt::JwtRule;

/// Whose tokens workloads accept: a RequestAuthentication. A request with a token that is not
/// valid is refused (401); one without any passes. All that select a workload hold together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestAuthentication {
    /// The author's namespace.
    pub namespace: Namespace,
    /// The object's name.
    pub name: Arc<str>,
    /// Which workloads; empty = all of the namespace, or of the mesh from the root namespace
    /// (where a selector selects in all namespaces, too).
    pub selector: Selector,
    /// Issuers.
    pub rules: Vec<JwtRule>,
    /// Its age.
    pub age: Age,
    /// Where it was said.
    pub origin: Origin,
}
