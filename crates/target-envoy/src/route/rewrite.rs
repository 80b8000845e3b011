//! Rewriting of requests.

use std::sync::Arc;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::route::route_action::HostRewriteSpecifier;
use mesh::policy::rewrite::{PathRewrite, Rewrite};

use crate::string_match;

/// Sets what is rewritten. The rule's authority goes before that of its only backend.
pub(super) fn apply(
    rewrite: &Rewrite,
    backend_authority: Option<&Arc<str>>,
    action: envoy::route::RouteAction,
) -> envoy::route::RouteAction {
    let Rewrite { path, authority } = rewrite;
    let action = envoy::route::RouteAction {
        host_rewrite_specifier: authority
            .as_ref()
            .or(backend_authority)
            .map(|authority| HostRewriteSpecifier::HostRewriteLiteral(authority.to_string())),
        ..action
    };
    match path {
        None => action,
        // Envoy replaces the whole path where the match was exact or an expression.
        Some(PathRewrite::Matched(replacement)) => envoy::route::RouteAction {
            prefix_rewrite: replacement.to_string(),
            ..action
        },
        Some(PathRewrite::Regex {
            pattern,
            substitution,
        }) => envoy::route::RouteAction {
            regex_rewrite: Some(envoy::matcher::RegexMatchAndSubstitute {
                pattern: Some(string_match::regex(pattern)),
                substitution: substitution.to_string(),
            }),
            ..action
        },
    }
}
