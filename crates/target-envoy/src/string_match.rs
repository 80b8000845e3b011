//! Matching of strings.

use std::sync::Arc;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::matcher::string_matcher::MatchPattern;
use mesh::policy::string_match::StringMatch;

/// The matcher; `None` if every value matches. Envoy refuses an empty prefix (which every value
/// has) and an empty regular expression (which only the empty value matches).
pub(crate) fn matcher(matches: &StringMatch) -> Option<envoy::matcher::StringMatcher> {
    let pattern = match matches {
        StringMatch::Exact(text) => MatchPattern::Exact(text.to_string()),
        StringMatch::Prefix(text) if text.is_empty() => return None,
        StringMatch::Prefix(text) => MatchPattern::Prefix(text.to_string()),
        StringMatch::Regex(text) if text.is_empty() => MatchPattern::Exact(String::new()),
        StringMatch::Regex(text) => MatchPattern::SafeRegex(regex(text)),
        StringMatch::Present => return None,
    };
    Some(envoy::matcher::StringMatcher {
        match_pattern: Some(pattern),
        ..Default::default()
    })
}

/// A regular expression (RE2, Envoy's only engine).
pub(crate) fn regex(pattern: &Arc<str>) -> envoy::matcher::RegexMatcher {
    envoy::matcher::RegexMatcher {
        regex: pattern.to_string(),
        ..Default::default()
    }
}
