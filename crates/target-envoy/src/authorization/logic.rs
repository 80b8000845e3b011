//! And, or, not: the same for what is asked and for who asks.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::matcher::MetadataMatcher;
use envoy::rbac::permission::{self, Rule};
use envoy::rbac::principal::{self, Identifier};
use envoy::rbac::{MetadataSource, Permission, Principal, SourcedMetadata};
use envoy::route::HeaderMatcher;
use mesh::policy::set::Set;

/// What statements can be combined of.
pub(super) trait Logic: Sized {
    /// It always matches.
    fn always() -> Self;
    /// It matches when this doesn't.
    fn not(self) -> Self;
    /// It matches when all of these do; at least two.
    fn and(all: Vec<Self>) -> Self;
    /// It matches when one of these does; at least two.
    fn or(any: Vec<Self>) -> Self;
    /// It matches requests by a header.
    fn header(header: HeaderMatcher) -> Self;
    /// It matches by what filters have found out.
    fn metadata(metadata: MetadataMatcher) -> Self;

    /// It never matches.
    fn never() -> Self {
        Self::always().not()
    }

    /// It matches when all of these do.
    fn all(mut all: Vec<Self>) -> Self {
        match (all.len(), all.pop()) {
            (_, None) => Self::always(),
            (1, Some(only)) => only,
            (_, Some(last)) => {
                all.push(last);
                Self::and(all)
            }
        }
    }

    /// It matches when one of these does.
    fn any(mut any: Vec<Self>) -> Self {
        match (any.len(), any.pop()) {
            (_, None) => Self::never(),
            (1, Some(only)) => only,
            (_, Some(last)) => {
                any.push(last);
                Self::or(any)
            }
        }
    }
}

/// What a set demands.
pub(super) fn demands<T, L: Logic>(set: &Set<T>, mut matches: impl FnMut(&T) -> L) -> Vec<L> {
    let Set { any_of, none_of } = set;
    let mut all = Vec::new();
    if !any_of.is_empty() {
        all.push(L::any(any_of.iter().map(&mut matches).collect()));
    }
    if !none_of.is_empty() {
        all.push(L::any(none_of.iter().map(matches).collect()).not());
    }
    all
}

impl Logic for Permission {
    fn always() -> Self {
        permission(Rule::Any(true))
    }

    fn not(self) -> Self {
        permission(Rule::NotRule(Box::new(self)))
    }

    fn and(rules: Vec<Self>) -> Self {
        permission(Rule::AndRules(permission::Set { rules }))
    }

    fn or(rules: Vec<Self>) -> Self {
        permission(Rule::OrRules(permission::Set { rules }))
    }

    fn header(header: HeaderMatcher) -> Self {
        permission(Rule::Header(header))
    }

    fn metadata(metadata: MetadataMatcher) -> Self {
        permission(Rule::SourcedMetadata(sourced(metadata)))
    }
}

impl Logic for Principal {
    fn always() -> Self {
        principal(Identifier::Any(true))
    }

    fn not(self) -> Self {
        principal(Identifier::NotId(Box::new(self)))
    }

    fn and(ids: Vec<Self>) -> Self {
        principal(Identifier::AndIds(principal::Set { ids }))
    }

    fn or(ids: Vec<Self>) -> Self {
        principal(Identifier::OrIds(principal::Set { ids }))
    }

    fn header(header: HeaderMatcher) -> Self {
        principal(Identifier::Header(header))
    }

    fn metadata(metadata: MetadataMatcher) -> Self {
        principal(Identifier::SourcedMetadata(sourced(metadata)))
    }
}

/// A statement about what is asked for.
pub(super) fn permission(rule: Rule) -> Permission {
    Permission { rule: Some(rule) }
}

/// A statement about who asks.
pub(super) fn principal(identifier: Identifier) -> Principal {
    Principal {
        identifier: Some(identifier),
    }
}

fn sourced(metadata: MetadataMatcher) -> SourcedMetadata {
    SourcedMetadata {
        metadata_matcher: Some(metadata),
        metadata_source: MetadataSource::Dynamic as i32,
    }
}
