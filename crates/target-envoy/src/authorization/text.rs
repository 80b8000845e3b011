//! Matches on texts.
//!
//! Regular expressions are RE2's: `.` means no line break unless they say so, and in a text that
//! is no UTF-8 it means nothing. So they are used only where the other end is no client.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::matcher::StringMatcher;
use envoy::matcher::string_matcher::MatchPattern;
use envoy::route::HeaderMatcher;
use envoy::route::header_matcher::HeaderMatchSpecifier;
use mesh::policy::authorization::TextMatch;

use super::logic::Logic;

/// What a text must be like.
pub(super) enum Like {
    /// Anything.
    Any,
    /// Anything but empty.
    NotEmpty,
    /// This.
    Pattern(MatchPattern),
}

/// What a match demands. Envoy refuses an empty prefix or suffix, which everything has.
pub(super) fn like(text: &TextMatch) -> Like {
    match text {
        TextMatch::Exact(text) => Like::Pattern(MatchPattern::Exact(text.to_string())),
        TextMatch::Prefix(text) | TextMatch::Suffix(text) if text.is_empty() => Like::Any,
        TextMatch::Prefix(text) => Like::Pattern(MatchPattern::Prefix(text.to_string())),
        TextMatch::Suffix(text) => Like::Pattern(MatchPattern::Suffix(text.to_string())),
        TextMatch::Present => Like::NotEmpty,
    }
}

/// A matcher for texts that never are empty.
pub(crate) fn pattern(text: &TextMatch, case: Case) -> Option<StringMatcher> {
    match like(text) {
        Like::Any | Like::NotEmpty => None,
        Like::Pattern(pattern) => Some(matcher(pattern, case)),
    }
}

/// Whether upper and lower case differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// They do.
    Sensitive,
    /// They don't.
    Insensitive,
}

/// A matcher.
pub(super) fn matcher(pattern: MatchPattern, case: Case) -> StringMatcher {
    StringMatcher {
        match_pattern: Some(pattern),
        ignore_case: case == Case::Insensitive,
    }
}

/// A regular expression.
pub(super) fn regex(regex: String) -> MatchPattern {
    MatchPattern::SafeRegex(envoy::matcher::RegexMatcher {
        regex,
        ..Default::default()
    })
}

/// The regular expression of just this text.
pub(super) fn literal(text: &str) -> String {
    let mut regex = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\0' => regex.push_str(r"\x00"),
            char if char.is_ascii() && !char.is_ascii_alphanumeric() && char != '_' => {
                regex.push('\\');
                regex.push(char);
            }
            char => regex.push(char),
        }
    }
    regex
}

/// A header of a request; one of several of a name is enough. (Envoy joins only some headers of
/// its own, whatever HTTP says.)
pub(super) fn header<L: Logic>(name: &str, text: &TextMatch, case: Case) -> L {
    let matches = |specifier| {
        L::header(HeaderMatcher {
            name: name.to_owned(),
            header_match_specifier: Some(specifier),
            ..Default::default()
        })
    };
    let like_this = |pattern, case| HeaderMatchSpecifier::StringMatch(matcher(pattern, case));
    match like(text) {
        Like::Any => matches(HeaderMatchSpecifier::PresentMatch(true)),
        // "Not empty" as a negation would fail where one of several is empty. The expression takes
        // any bytes.
        Like::NotEmpty => {
            let anything = regex(r"(?s).+".to_owned());
            matches(like_this(anything, Case::Sensitive))
        }
        Like::Pattern(pattern) => matches(like_this(pattern, case)),
    }
}
