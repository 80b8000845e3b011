//! Cross-origin resource sharing.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use mesh::policy::cors::{Cors, UnmatchedPreflights};
use mesh::policy::percent::PartsPerMillion;

use crate::{percent, string_match};

/// The policy of a route.
pub(super) fn cors(policy: &Cors) -> envoy::cors::CorsPolicy {
    let Cors {
        allow_origins,
        allow_methods,
        allow_headers,
        expose_headers,
        max_age,
        allow_credentials,
        unmatched_preflights,
    } = policy;
    envoy::cors::CorsPolicy {
        allow_origin_string_match: allow_origins
            .iter()
            .map(|origin| string_match::matcher(origin).unwrap_or_else(any))
            .collect(),
        allow_methods: allow_methods.join(","),
        allow_headers: allow_headers.join(","),
        expose_headers: expose_headers.join(","),
        max_age: max_age.map_or_else(String::new, |age| age.as_secs().to_string()),
        allow_credentials: *allow_credentials,
        filter_enabled: Some(percent::runtime_fraction(PartsPerMillion::ALL)),
        forward_not_matching_preflights: Some(match unmatched_preflights {
            UnmatchedPreflights::Forward => true,
            UnmatchedPreflights::Ignore => false,
        }),
        ..Default::default()
    }
}

/// Every origin.
fn any() -> envoy::matcher::StringMatcher {
    envoy::matcher::StringMatcher {
        match_pattern: Some(envoy::matcher::string_matcher::MatchPattern::SafeRegex(
            string_match::regex(&".*".into()),
        )),
        ..Default::default()
    }
}
