//! Templates of paths.
//!
//! Envoy's own matcher for them takes only some characters for a segment, so that `/a/b|c` would
//! pass a policy that denies `/a/{*}`. A regular expression takes all.

use super::text::literal;

/// The regular expression of a template: `{*}` is a segment, `{**}` is any number of them.
pub(super) fn regex(template: &str) -> String {
    let segments = |text: &str| {
        let parts: Vec<_> = text.split("{*}").map(literal).collect();
        parts.join("[^/]+")
    };
    let parts: Vec<_> = template.split("{**}").map(segments).collect();
    format!("(?s){}", parts.join(".*"))
}
