//! Fields of a rule that exclude each other, and fields that are without effect beside others.

use ferromesh_api as api;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;

use super::headers;

const CODE: &str = "conflicting-fields";

/// Checks which fields the rule at the path `at` has.
pub(super) fn check(rule: &api::istio::HttpRoute, at: &Path<'_>, remarks: &mut Remarks) {
    if rule.delegate.is_some() {
        for (field, is_set) in [
            ("redirect", rule.redirect.is_some()),
            ("route", !rule.route.is_empty()),
        ] {
            exclude("delegate", field, is_set, at, remarks);
        }
        return;
    }
    let (answer, other) = match (&rule.redirect, &rule.direct_response) {
        (Some(_), other) => ("redirect", other.is_some()),
        (None, Some(_)) => ("directResponse", false),
        (None, None) => {
            if rule.route.is_empty() {
                remarks.error(
                    at,
                    "missing-field",
                    "a rule must have a route, redirect or directResponse",
                );
            }
            return;
        }
    };
    for (field, is_set) in [
        ("directResponse", other),
        ("route", !rule.route.is_empty()),
        ("fault", rule.fault.is_some()),
        ("rewrite", rule.rewrite.is_some()),
    ] {
        exclude(answer, field, is_set, at, remarks);
    }
    check_effects(rule, answer, at, remarks);
}

fn exclude(field: &str, other: &str, is_set: bool, at: &Path<'_>, remarks: &mut Remarks) {
    if is_set {
        remarks.error(
            &at.field(other),
            CODE,
            format!("{other} can't be combined with {field}"),
        );
    }
}

/// Nothing is forwarded, so what is about forwarding has no effect.
fn check_effects(rule: &api::istio::HttpRoute, answer: &str, at: &Path<'_>, remarks: &mut Remarks) {
    for (field, is_set) in [
        ("timeout", rule.timeout.is_some()),
        ("retries", rule.retries.is_some()),
        ("mirror", rule.mirror.is_some()),
        ("mirrors", !rule.mirrors.is_empty()),
    ] {
        if is_set {
            warn(&at.field(field), field, answer, remarks);
        }
    }
    if !headers::is_empty(&rule.headers.request) {
        let at = at.field("headers");
        warn(&at.field("request"), "headers.request", answer, remarks);
    }
}

fn warn(at: &Path<'_>, field: &str, answer: &str, remarks: &mut Remarks) {
    remarks.warning(
        at,
        "no-effect",
        format!("{field} has no effect beside {answer}, which forwards nothing"),
    );
}
