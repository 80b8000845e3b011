//! A rule of `http`.

use std::sync::Arc;

use ferromesh_api as api;
use ferromesh_mesh::decl::http_routes::{HttpAction, HttpMatch, HttpRule};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::direct_response::DirectResponse;
use ferromesh_mesh::policy::headers::MessageHeaders;
use ferromesh_mesh::policy::matches::{PathMatch, RequestMatch};
use ferromesh_mesh::policy::string_match::StringMatch;
use serde_json::Value;

use super::matches::{self, Alternative};
use super::{Scope, conflicts, direct_response, forward, redirect};
use crate::faults;

/// The matches of a rule, and what it does.
pub(super) struct Rule {
    name: Arc<str>,
    /// Its sound alternatives.
    pub alternatives: Vec<Alternative>,
    /// Whether it has no matches at all, and so matches everything.
    pub is_unconditional: bool,
    /// `None` if it has no effect yet.
    action: Option<HttpAction>,
}

impl Rule {
    /// Whether it does anything: a delegated rule does not yet.
    pub(super) fn has_effect(&self) -> bool {
        self.action.is_some()
    }

    /// The rule as sidecars see it, at the path `at`; `None` if they don't.
    pub(super) fn for_mesh(self, at: &Path<'_>, remarks: &Remarks) -> Option<HttpRule> {
        let matches: Vec<HttpMatch> = if self.is_unconditional {
            vec![any(at, remarks)]
        } else {
            self.alternatives
                .into_iter()
                .filter(Alternative::is_for_mesh)
                .map(|alternative| alternative.http)
                .collect()
        };
        if matches.is_empty() {
            return None;
        }
        Some(HttpRule {
            name: self.name,
            matches,
            action: self.action?,
            origin: remarks.origin(at),
        })
    }
}

fn any(at: &Path<'_>, remarks: &Remarks) -> HttpMatch {
    HttpMatch {
        name: Arc::from(""),
        request: RequestMatch::any(),
        port: None,
        source_labels: ferromesh_mesh::decl::Labels::new(),
        source_namespace: None,
        stat_prefix: Arc::from(""),
        origin: remarks.origin(at),
    }
}

/// Lowers a rule at the path `at`; `raw` is the same as the author wrote it. One with an error keeps its sound matches and answers 503:
/// were it left out, its requests would fall through to a later rule that was not meant for them.
pub(super) fn lower(
    part: &api::part::Part<api::istio::HttpRoute>,
    raw: &Value,
    scope: &Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Rule> {
    let Some(rule) = faults::read_part::<api::istio::HttpRoute>(part, at, remarks) else {
        return lower_unreadable(raw, scope, at, remarks);
    };
    let alternatives = lower_alternatives(&rule.matches, raw, scope, at, remarks);
    let before = remarks.errors();
    let action = lower_action(&rule, scope, at, remarks);
    check_prefixes(&rule, &alternatives, at, remarks);
    let action = if remarks.errors() == before {
        action
    } else {
        Some(unavailable())
    };
    Some(Rule {
        name: Arc::from(rule.name),
        alternatives,
        is_unconditional: rule.matches.is_empty(),
        action,
    })
}

/// What can be read of an unreadable rule.
fn lower_unreadable(
    raw: &Value,
    scope: &Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Rule> {
    let fields = raw.as_object()?;
    let matches = match fields.get("match") {
        // Its fault has been reported with those of the rule.
        Some(list) if !list.is_null() => api::read::read::<Vec<_>>(list, "").0?,
        _ => Vec::new(),
    };
    Some(Rule {
        name: Arc::from(fields.get("name").and_then(Value::as_str).unwrap_or("")),
        alternatives: lower_alternatives(&matches, raw, scope, at, remarks),
        is_unconditional: matches.is_empty(),
        action: Some(unavailable()),
    })
}

fn lower_alternatives(
    matches: &[api::part::Part<api::istio::HttpMatch>],
    raw: &Value,
    scope: &Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<Alternative> {
    let list_at = at.field("match");
    let raw = raw.get("match");
    matches
        .iter()
        .enumerate()
        .filter_map(|(index, part)| {
            let raw = raw.and_then(|list| list.get(index)).unwrap_or(&Value::Null);
            matches::lower(part, raw, scope.binding, &list_at.item(index), remarks)
        })
        .collect()
}

fn lower_action(
    rule: &api::istio::HttpRoute,
    scope: &Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<HttpAction> {
    conflicts::check(rule, at, remarks);
    // All of it is checked, whatever the rule does in the end.
    let forward = forward::lower(rule, scope.namespace, at, remarks);
    if rule.delegate.is_some() {
        let at = at.field("delegate");
        if scope.is_delegate {
            remarks.error(&at, "conflicting-fields", "a delegate can't delegate");
        }
        remarks.warning(
            &at,
            "no-effect-yet",
            "delegating has no effect yet; the rule is left out",
        );
        return None;
    }
    Some(match (&rule.redirect, &rule.direct_response) {
        (Some(redirect), _) => HttpAction::Redirect {
            redirect: redirect::lower(redirect, &at.field("redirect"), remarks),
            headers: forward.headers,
            cors: forward.cors,
            fault: forward.fault,
        },
        (None, Some(response)) => HttpAction::DirectResponse {
            response: direct_response::lower(response, &at.field("directResponse"), remarks),
            headers: forward.headers,
            cors: forward.cors,
            fault: forward.fault,
        },
        (None, None) => HttpAction::Forward(Box::new(forward)),
    })
}

/// A prefix can be replaced only where one is matched.
fn check_prefixes(
    rule: &api::istio::HttpRoute,
    alternatives: &[Alternative],
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let replaces = rule
        .redirect
        .as_ref()
        .is_some_and(|redirect| !redirect.prefix_rewrite.is_empty());
    let other = |alternative: &Alternative| {
        matches!(
            &alternative.http.request.path,
            PathMatch::Path { matches, .. } if !matches!(matches, StringMatch::Prefix(_))
        )
    };
    if replaces && alternatives.iter().any(other) {
        remarks.error(
            &at.field("redirect").field("prefixRewrite"),
            "invalid-redirect",
            "needs every match of uri to be a prefix",
        );
    }
}

fn unavailable() -> HttpAction {
    HttpAction::DirectResponse {
        response: DirectResponse {
            status: 503,
            body: Arc::from([]),
        },
        headers: MessageHeaders::default(),
        cors: None,
        fault: None,
    }
}
