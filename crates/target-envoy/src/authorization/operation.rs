//! What is asked for.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::matcher::PathMatcher;
use envoy::matcher::path_matcher;
use envoy::matcher::string_matcher::MatchPattern;
use envoy::rbac::Permission;
use envoy::rbac::permission::Rule;
use mesh::policy::authorization::{Operation, PathMatch, TextMatch};
use mesh::policy::path_normalization::PathNormalization;

use super::logic::{Logic, demands, permission};
use super::rule::{NotThere, Scope};
use super::template;
use super::text::{Case, Like, header, like, matcher, regex};

/// An operation.
pub(super) fn permission_of(
    operation: &Operation,
    scope: &Scope<'_>,
) -> Result<Permission, NotThere> {
    let Operation {
        hosts,
        methods,
        paths,
        ports,
    } = operation;
    let mut all = scope.of_requests(hosts, |it| header(":authority", it, Case::Insensitive))?;
    all.extend(scope.of_requests(methods, |it| header(":method", it, Case::Sensitive))?);
    let merging = Merging::of(scope.security.paths);
    all.extend(scope.of_requests(paths, |it| path(it, merging))?);
    all.extend(demands(ports, port));
    Ok(Permission::all(all))
}

/// What becomes of several slashes in a row.
#[derive(Clone, Copy)]
enum Merging {
    /// They stay.
    Apart,
    /// They become one, but those of a path of nothing else, which Envoy makes two.
    Merged,
}

impl Merging {
    fn of(normalization: PathNormalization) -> Self {
        match normalization {
            PathNormalization::None | PathNormalization::Base => Self::Apart,
            PathNormalization::MergeSlashes | PathNormalization::DecodeAndMergeSlashes => {
                Self::Merged
            }
        }
    }
}

fn path(path: &PathMatch, merging: Merging) -> Permission {
    match (path, merging) {
        (PathMatch::Text(TextMatch::Exact(text)), Merging::Merged) if &**text == "/" => {
            Permission::any(
                ["/", "//"]
                    .map(|it| is(MatchPattern::Exact(it.to_owned())))
                    .to_vec(),
            )
        }
        (PathMatch::Text(text), _) => path_text(text),
        (PathMatch::Template(text), _) => is(regex(template::regex(text))),
    }
}

/// The path without its query.
fn path_text(text: &TextMatch) -> Permission {
    match like(text) {
        Like::Any => Permission::always(),
        Like::NotEmpty => is(MatchPattern::Exact(String::new())).not(),
        Like::Pattern(pattern) => is(pattern),
    }
}

/// A port of the workload.
pub(super) fn port(port: &u16) -> Permission {
    permission(Rule::DestinationPort((*port).into()))
}

fn is(pattern: MatchPattern) -> Permission {
    permission(Rule::UrlPath(PathMatcher {
        rule: Some(path_matcher::Rule::Path(matcher(pattern, Case::Sensitive))),
    }))
}
