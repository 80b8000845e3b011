//! StringMatch.

use std::sync::Arc;

use ferromesh_api as api;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::string_match::StringMatch;

use crate::re2;

/// Whether a prefix may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyPrefix {
    /// It may: paths.
    Allowed,
    /// It may not: everything else.
    Refused,
}

/// Lowers a StringMatch at the path `at`; one without fields means [`StringMatch::Present`].
/// `None` if it is unsound, which is an error.
pub fn lower(
    matches: &api::istio::StringMatch,
    empty_prefix: EmptyPrefix,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<StringMatch> {
    let api::istio::StringMatch {
        exact,
        prefix,
        regex,
    } = matches;
    match (exact, prefix, regex) {
        (None, None, None) => Some(StringMatch::Present),
        (Some(exact), None, None) => Some(StringMatch::Exact(Arc::from(exact.as_str()))),
        (None, Some(prefix), None) if prefix.is_empty() && empty_prefix == EmptyPrefix::Refused => {
            remarks
                .error(
                    &at.field("prefix"),
                    "invalid-match",
                    "a prefix must not be empty",
                )
                .advise("write {} to match any value");
            None
        }
        (None, Some(prefix), None) => Some(StringMatch::Prefix(Arc::from(prefix.as_str()))),
        (None, None, Some(regex)) => {
            lower_regex(regex, &at.field("regex"), remarks).map(StringMatch::Regex)
        }
        _ => {
            remarks.error(
                at,
                "invalid-match",
                "only one of exact, prefix and regex may be set",
            );
            None
        }
    }
}

/// A regular expression that RE2 reads, at the path `at`; `None` if it is unsound, which is an
/// error.
pub fn lower_regex(regex: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<Arc<str>> {
    match re2::check(regex) {
        Ok(_) => Some(Arc::from(regex)),
        Err(message) => {
            remarks
                .error(at, "invalid-regex", message)
                .advise("see https://github.com/google/re2/wiki/Syntax");
            None
        }
    }
}
