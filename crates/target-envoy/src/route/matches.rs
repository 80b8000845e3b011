//! What a request must look like.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::route::header_matcher::HeaderMatchSpecifier;
use envoy::route::query_parameter_matcher::QueryParameterMatchSpecifier;
use envoy::route::route_match::{GrpcRouteMatchOptions, PathSpecifier};
use mesh::policy::matches::{NamedMatch, PathMatch, RequestMatch};
use mesh::policy::string_match::StringMatch;

use crate::string_match;

/// Every request.
pub(super) fn any() -> envoy::route::RouteMatch {
    envoy::route::RouteMatch {
        path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
        ..Default::default()
    }
}

/// Every gRPC call.
pub(super) fn grpc() -> envoy::route::RouteMatch {
    envoy::route::RouteMatch {
        grpc: Some(GrpcRouteMatchOptions {}),
        ..any()
    }
}

/// The requests of a rule.
pub(super) fn route_match(request: &RequestMatch) -> envoy::route::RouteMatch {
    let RequestMatch {
        path,
        headers,
        query,
    } = request;
    let matched = envoy::route::RouteMatch {
        headers: headers.iter().map(header).collect(),
        query_parameters: query.iter().map(parameter).collect(),
        ..any()
    };
    match path {
        PathMatch::Any => matched,
        PathMatch::Path {
            matches,
            ignore_case,
        } => envoy::route::RouteMatch {
            path_specifier: Some(path_specifier(matches)),
            case_sensitive: ignore_case.then_some(false),
            ..matched
        },
    }
}

fn path_specifier(matches: &StringMatch) -> PathSpecifier {
    match matches {
        StringMatch::Exact(path) => PathSpecifier::Path(path.to_string()),
        StringMatch::Prefix(prefix) => PathSpecifier::Prefix(prefix.to_string()),
        // Envoy refuses the empty expression, which only an empty path would match.
        StringMatch::Regex(pattern) if pattern.is_empty() => PathSpecifier::Path(String::new()),
        StringMatch::Regex(pattern) => PathSpecifier::SafeRegex(string_match::regex(pattern)),
        StringMatch::Present => PathSpecifier::Prefix("/".to_owned()),
    }
}

fn header(named: &NamedMatch) -> envoy::route::HeaderMatcher {
    let NamedMatch {
        name,
        matches,
        invert,
    } = named;
    let matcher = string_match::matcher(matches);
    envoy::route::HeaderMatcher {
        name: name.to_string(),
        invert_match: *invert,
        // A header that isn't there has no value that could match.
        treat_missing_header_as_empty: *invert && matcher.is_some(),
        header_match_specifier: Some(match matcher {
            Some(matcher) => HeaderMatchSpecifier::StringMatch(matcher),
            None => HeaderMatchSpecifier::PresentMatch(true),
        }),
    }
}

/// Envoy can't negate matches of parameters, and no dialect asks for it.
fn parameter(named: &NamedMatch) -> envoy::route::QueryParameterMatcher {
    let NamedMatch {
        name,
        matches,
        invert: _,
    } = named;
    envoy::route::QueryParameterMatcher {
        name: name.to_string(),
        query_parameter_match_specifier: Some(match string_match::matcher(matches) {
            Some(matcher) => QueryParameterMatchSpecifier::StringMatch(matcher),
            None => QueryParameterMatchSpecifier::PresentMatch(true),
        }),
    }
}
