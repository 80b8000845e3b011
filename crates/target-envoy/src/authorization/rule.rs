//! A rule of a policy.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::rbac::{Permission, Policy, Principal};
use mesh::policy::authorization::Rule;
use mesh::policy::set::Set;
use mesh::view::security::InboundSecurity;

use super::logic::{Logic, demands};
use super::{Layer, condition, operation, source};

/// What a rule is read for.
pub(super) struct Scope<'a> {
    /// What else is demanded: names of trust domains, issuers of tokens.
    pub(super) security: &'a InboundSecurity,
    /// What is judged.
    pub(super) layer: Layer,
    /// What becomes of what only requests have.
    pub(super) narrowing: Narrowing,
}

/// What becomes of a rule that asks connections for what only requests have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Narrowing {
    /// It matches nothing: less is allowed.
    Nothing,
    /// It doesn't ask: more is denied.
    Wider,
}

/// A rule asks for what is not there, and so matches nothing.
pub(super) struct NotThere;

impl Scope<'_> {
    /// What a set demands of requests.
    pub(super) fn of_requests<T, L: Logic>(
        &self,
        set: &Set<T>,
        matches: impl FnMut(&T) -> L,
    ) -> Result<Vec<L>, NotThere> {
        match (self.layer, self.narrowing) {
            _ if set.is_empty() => Ok(Vec::new()),
            (Layer::Requests, _) => Ok(demands(set, matches)),
            (Layer::Connections | Layer::DeclaredConnections, Narrowing::Wider) => Ok(Vec::new()),
            (Layer::Connections | Layer::DeclaredConnections, Narrowing::Nothing) => Err(NotThere),
        }
    }
}

/// The rule, as Envoy evaluates it; `None` if it matches nothing.
pub(super) fn policy(rule: &Rule, scope: &Scope<'_>) -> Option<Policy> {
    let Rule {
        sources,
        operations,
        conditions,
        origin: _,
    } = rule;
    let mut principals = Vec::new();
    let mut permissions = Vec::new();
    let each = sources.iter().map(|it| source::principal_of(it, scope));
    let each = each.collect::<Result<Vec<_>, _>>().ok()?;
    if !sources.is_empty() {
        principals.push(Principal::any(each));
    }
    let each = operations
        .iter()
        .map(|it| operation::permission_of(it, scope));
    let each = each.collect::<Result<Vec<_>, _>>().ok()?;
    if !operations.is_empty() {
        permissions.push(Permission::any(each));
    }
    for one in conditions {
        let demand = condition::demand(one, scope).ok()?;
        principals.extend(demand.principals);
        permissions.extend(demand.permissions);
    }
    Some(Policy {
        permissions: vec![Permission::all(permissions)],
        principals: vec![Principal::all(principals)],
        ..Default::default()
    })
}
