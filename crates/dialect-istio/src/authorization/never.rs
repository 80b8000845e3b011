//! Rules that can't match.

use ferromesh_api::istio::AuthorizationAction;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::authorization::{
    Condition, Operation, PathMatch, Rule, Source, TextMatch,
};
use ferromesh_mesh::policy::set::Set;

use super::values::NEVER;

/// Warns of a rule in which no source, no operation or a condition can match: all that it asks
/// for, it excludes.
pub(super) fn check(
    rule: &Rule,
    action: AuthorizationAction,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let Rule {
        sources,
        operations,
        conditions,
        origin: _,
    } = rule;
    let field = if !sources.is_empty() && sources.iter().all(excludes_all_sources) {
        "from"
    } else if !operations.is_empty() && operations.iter().all(excludes_all_operations) {
        "to"
    } else if conditions.iter().any(excludes_all_values) {
        "when"
    } else {
        return;
    };
    let does = match action {
        AuthorizationAction::Allow => "allows",
        AuthorizationAction::Deny => "denies",
        AuthorizationAction::Audit => "logs",
        AuthorizationAction::Custom => "asks about",
    };
    remarks
        .warning(
            &at.field(field),
            NEVER,
            format!("excludes all that it asks for, so that the rule {does} nothing"),
        )
        .advise("remove the value from one of the two lists");
}

fn excludes_all_sources(source: &Source) -> bool {
    let Source {
        principals,
        request_principals,
        namespaces,
        service_accounts,
        trust_domains,
        ip_blocks,
        remote_ip_blocks,
    } = source;
    [principals, request_principals, namespaces, trust_domains]
        .into_iter()
        .any(|texts| excludes_all(texts, covers))
        || excludes_all(service_accounts, PartialEq::eq)
        || excludes_all(ip_blocks, |wide, narrow| wide.contains(narrow))
        || excludes_all(remote_ip_blocks, |wide, narrow| wide.contains(narrow))
}

fn excludes_all_operations(operation: &Operation) -> bool {
    let Operation {
        hosts,
        methods,
        paths,
        ports,
    } = operation;
    excludes_all(hosts, covers)
        || excludes_all(methods, covers)
        || excludes_all(ports, PartialEq::eq)
        || excludes_all(paths, |wide, narrow| match (wide, narrow) {
            (PathMatch::Text(wide), PathMatch::Text(narrow)) => covers(wide, narrow),
            (PathMatch::Text(TextMatch::Present), PathMatch::Template(_)) => true,
            (wide, narrow) => wide == narrow,
        })
}

fn excludes_all_values(condition: &Condition) -> bool {
    match condition {
        Condition::Text(_, texts) => excludes_all(texts, covers),
        Condition::Address(_, blocks) => excludes_all(blocks, |wide, narrow| wide.contains(narrow)),
        Condition::Port(ports) => excludes_all(ports, PartialEq::eq),
        Condition::Account(accounts) => excludes_all(accounts, PartialEq::eq),
    }
}

/// Whether each value that is asked for is excluded. `covers` says of two values whether the
/// first matches all that the second does.
fn excludes_all<T>(set: &Set<T>, covers: impl Fn(&T, &T) -> bool) -> bool {
    let Set { any_of, none_of } = set;
    let is_excluded = |value| none_of.iter().any(|excluded| covers(excluded, value));
    !any_of.is_empty() && any_of.iter().all(is_excluded)
}

fn covers(wide: &TextMatch, narrow: &TextMatch) -> bool {
    use TextMatch::{Exact, Prefix, Present, Suffix};
    match (wide, narrow) {
        (Present, _) => true,
        (Prefix(wide), Prefix(narrow) | Exact(narrow)) => narrow.starts_with(&**wide),
        (Suffix(wide), Suffix(narrow) | Exact(narrow)) => narrow.ends_with(&**wide),
        (wide, narrow) => wide == narrow,
    }
}
