//! Who may do what at workloads.

use std::sync::Arc;

use super::Selector;
use crate::name::Namespace;
use crate::origin::{Age, Origin};
use crate::policy::authorization::{Action, Enforcement, Rule};

/// Who may do what at workloads: an AuthorizationPolicy.
///
/// All policies of the root namespace and of the workload's own that select it hold. First the
/// external authorizers are asked, then what a `Deny` matches is refused, then, if there is any
/// `Allow`, what none of them matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationPolicy {
    /// The author's namespace.
    pub namespace: Namespace,
    /// The object's name.
    pub name: Arc<str>,
    /// Which workloads; empty = all of the namespace, or of the mesh from the root namespace
    /// (where a selector selects in all namespaces, too).
    pub selector: Selector,
    /// What happens to what the rules match.
    pub action: Action,
    /// Whether that happens.
    pub enforcement: Enforcement,
    /// Any of these; none = nothing is matched. An unsound rule is not here if that makes the
    /// policy stricter, and matches everything otherwise.
    pub rules: Vec<Rule>,
    /// Its age.
    pub age: Age,
    /// Where it was said.
    pub origin: Origin,
}
