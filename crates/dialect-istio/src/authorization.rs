//! Rules of an AuthorizationPolicy.

mod condition;
mod host;
mod never;
mod operation;
mod path;
mod source;
mod tcp;
mod values;

use std::sync::Arc;

use ferromesh_api::istio::{self, AuthorizationAction};
use ferromesh_api::part::Part;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::authorization::{Condition, Operation, Rule, Source};

use crate::faults;

/// Whose rules they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    /// The author's namespace.
    pub(crate) namespace: &'a str,
    /// What happens to what they match.
    pub(crate) action: AuthorizationAction,
}

/// Rules at the path `at`. An unsound one is an error, and becomes what is strictest: an `ALLOW`
/// without it allows less; a `DENY` or `CUSTOM` takes it for a rule that matches everything.
pub(crate) fn lower(
    rules: &[Part<istio::AuthorizationRule>],
    scope: Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<Rule> {
    let mut lowered = Vec::with_capacity(rules.len());
    for (index, part) in rules.iter().enumerate() {
        let at = at.item(index);
        match lower_rule(part, scope, &at, remarks) {
            Some(rule) => lowered.push(rule),
            None => lowered.extend(strictest(scope.action, &at, remarks)),
        }
    }
    lowered
}

/// The rules that stand for what can't be understood: those that refuse, or ask about, as much as
/// there is.
pub(crate) fn strictest(
    action: AuthorizationAction,
    at: &Path<'_>,
    remarks: &Remarks,
) -> Option<Rule> {
    match action {
        AuthorizationAction::Allow | AuthorizationAction::Audit => None,
        AuthorizationAction::Deny | AuthorizationAction::Custom => Some(Rule {
            sources: Vec::new(),
            operations: Vec::new(),
            conditions: Vec::new(),
            origin: remarks.origin(at),
        }),
    }
}

fn lower_rule(
    part: &Part<istio::AuthorizationRule>,
    scope: Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Rule> {
    let errors = remarks.errors();
    let istio::AuthorizationRule { from, to, when } = faults::read_part(part, at, remarks)?;
    let rule = Rule {
        sources: lower_sources(from.as_deref(), scope, &at.field("from"), remarks),
        operations: lower_operations(to.as_deref(), scope, &at.field("to"), remarks),
        conditions: lower_conditions(&when, scope, &at.field("when"), remarks),
        origin: remarks.origin(at),
    };
    if remarks.errors() > errors {
        return None;
    }
    never::check(&rule, scope.action, at, remarks);
    if scope.action == AuthorizationAction::Deny {
        tcp::check(&rule, at, remarks);
    }
    Some(rule)
}

fn lower_sources(
    from: Option<&[Part<istio::AuthorizationFrom>]>,
    scope: Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<Source> {
    refuse_empty(from.map(<[_]>::len), "source", at, remarks);
    let mut sources = Vec::new();
    for (index, part) in from.unwrap_or_default().iter().enumerate() {
        let at = at.item(index);
        let Some(istio::AuthorizationFrom { source }) = faults::read_part(part, &at, remarks)
        else {
            continue;
        };
        let at = at.field("source");
        let Some(source) = required(source.as_ref(), &at, remarks) else {
            continue;
        };
        sources.push(source::lower(&source, scope, &at, remarks));
    }
    sources
}

fn lower_operations(
    to: Option<&[Part<istio::AuthorizationTo>]>,
    scope: Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<Operation> {
    refuse_empty(to.map(<[_]>::len), "operation", at, remarks);
    let mut operations = Vec::new();
    for (index, part) in to.unwrap_or_default().iter().enumerate() {
        let at = at.item(index);
        let Some(istio::AuthorizationTo { operation }) = faults::read_part(part, &at, remarks)
        else {
            continue;
        };
        let at = at.field("operation");
        let Some(operation) = required(operation.as_ref(), &at, remarks) else {
            continue;
        };
        operations.push(operation::lower(&operation, scope, &at, remarks));
    }
    operations
}

fn lower_conditions(
    when: &[Part<istio::AuthorizationCondition>],
    scope: Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<Condition> {
    let mut conditions = Vec::with_capacity(when.len());
    for (index, part) in when.iter().enumerate() {
        let at = at.item(index);
        if let Some(condition) = faults::read_part(part, &at, remarks) {
            conditions.extend(condition::lower(&condition, scope, &at, remarks));
        }
    }
    conditions
}

/// A list that is written must have items: an empty one would match nothing in one reading, and
/// everything in another.
fn refuse_empty(length: Option<usize>, item: &str, at: &Path<'_>, remarks: &mut Remarks) {
    if length == Some(0) {
        remarks
            .error(at, "empty-block", "must have at least one item")
            .advise(format!("leave it out to match every {item}"));
    }
}

fn required<T: serde::de::DeserializeOwned>(
    part: Option<&Part<T>>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<T> {
    let Some(part) = part else {
        remarks.error(at, "missing-field", "is required");
        return None;
    };
    faults::read_part(part, at, remarks)
}

/// What an action CUSTOM can't look at: the authorizer is asked before peers and tokens are
/// compared.
fn refuse_with_custom(scope: Scope<'_>, at: &Path<'_>, remarks: &mut Remarks) {
    if scope.action == AuthorizationAction::Custom {
        remarks
            .error(
                at,
                "unsupported-field",
                "is not supported with action CUSTOM",
            )
            .advise("check it in a policy with action ALLOW or DENY beside this one");
    }
}

fn shared(text: &str) -> Arc<str> {
    Arc::from(text)
}
