//! Rules that no request reaches, because an earlier one takes everything that they match.

use ferromesh_mesh::decl::http_routes::{HttpMatch, HttpRoutes};
use ferromesh_mesh::diagnostic::Diagnostic;
use ferromesh_mesh::policy::matches::{PathMatch, RequestMatch};
use ferromesh_mesh::policy::string_match::StringMatch;

use super::warn;

/// Rules with more alternatives than this are not compared with each other: the work grows with
/// the square.
const COMPARED: usize = 500;

/// Checks rules.
pub(super) fn check(routes: &HttpRoutes, list: &mut Vec<Diagnostic>) {
    let mut earlier: Vec<&HttpMatch> = Vec::new();
    for rule in &routes.rules {
        let shadows: Vec<_> = rule
            .matches
            .iter()
            .map(|matches| {
                let mut earlier = earlier.iter().enumerate();
                (matches, earlier.find(|(_, first)| covers(first, matches)))
            })
            .collect();
        let all = shadows.iter().all(|(_, by)| by.is_some());
        let first = shadows.iter().filter_map(|(_, by)| *by);
        if let Some((_, by)) = first.min_by_key(|(at, _)| *at).filter(|_| all) {
            let message = format!("never reached: {} takes these requests", by.origin.path);
            list.push(
                warn(&rule.origin, "unreachable-rule", message)
                    .hint(format!("put this rule before {}", rule_of(&by.origin.path))),
            );
        } else {
            for (matches, by) in shadows {
                if let Some((_, by)) = by {
                    let message = format!("never reached: {} takes these requests", by.origin.path);
                    list.push(warn(&matches.origin, "unreachable-match", message));
                }
            }
        }
        if earlier.len() < COMPARED {
            earlier.extend(&rule.matches);
        }
    }
}

/// The path of the rule that a match at `path` belongs to.
fn rule_of(path: &str) -> &str {
    path.split_once(".match").map_or(path, |(rule, _)| rule)
}

/// Whether every request that `later` matches is matched by `first`, as far as that is easily
/// seen.
fn covers(first: &HttpMatch, later: &HttpMatch) -> bool {
    let same_clients = first
        .source_labels
        .iter()
        .all(|(key, value)| later.source_labels.get(key) == Some(value))
        && (first.source_namespace.is_none() || first.source_namespace == later.source_namespace);
    let same_port = first.port.is_none() || first.port == later.port;
    same_clients && same_port && covers_request(&first.request, &later.request)
}

fn covers_request(first: &RequestMatch, later: &RequestMatch) -> bool {
    let RequestMatch {
        path,
        headers,
        query,
    } = first;
    headers.iter().all(|header| later.headers.contains(header))
        && query
            .iter()
            .all(|parameter| later.query.contains(parameter))
        && covers_path(path, &later.path)
}

fn covers_path(first: &PathMatch, later: &PathMatch) -> bool {
    let (first, later) = match (first, later) {
        (PathMatch::Any, _) => return true,
        (first, later) if first == later => return true,
        (_, PathMatch::Any) => return is_root(first),
        (
            PathMatch::Path {
                matches: first,
                ignore_case: false,
            },
            PathMatch::Path {
                matches: later,
                ignore_case: _,
            },
        ) => (first, later),
        (PathMatch::Path { .. }, PathMatch::Path { .. }) => return is_root(first),
    };
    match (first, later) {
        (StringMatch::Prefix(prefix), StringMatch::Prefix(text) | StringMatch::Exact(text)) => {
            text.starts_with(&**prefix)
        }
        (StringMatch::Prefix(prefix), _) => &**prefix == "/",
        _ => false,
    }
}

fn is_root(path: &PathMatch) -> bool {
    matches!(path, PathMatch::Path { matches: StringMatch::Prefix(prefix), .. } if &**prefix == "/")
}
