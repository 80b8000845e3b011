//! End users and claims, by the token that a filter has verified before.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::matcher::metadata_matcher::PathSegment;
use envoy::matcher::metadata_matcher::path_segment::Segment;
use envoy::matcher::string_matcher::MatchPattern;
use envoy::matcher::value_matcher::MatchPattern as Value;
use envoy::matcher::{ListMatcher, MetadataMatcher, OrMatcher, ValueMatcher, list_matcher};
use envoy::rbac::Principal;
use mesh::policy::authorization::TextMatch;
use mesh::view::security::InboundSecurity;

use super::logic::Logic;
use super::text::{Case, Like, like, matcher, regex};
use crate::jwt;

/// The end user as `ISSUER/SUBJECT`. Issuers are addresses and subjects may be anything, so the
/// slash between them shows only to who knows the issuers.
pub(super) fn principal(text: &TextMatch, security: &InboundSecurity) -> Principal {
    let mut issuers: Vec<_> = security.tokens.iter().map(|it| &it.rule.issuer).collect();
    issuers.sort_unstable();
    issuers.dedup();
    let each = issuers.into_iter().filter_map(|issuer| {
        let subjects = subjects(&format!("{issuer}/"), text);
        if subjects.is_empty() {
            return None;
        }
        let issuer = MatchPattern::Exact(issuer.to_string());
        let subject = subjects.into_iter().map(|it| in_claim("sub", it)).collect();
        Some(Principal::all(vec![
            in_claim("iss", issuer),
            Principal::any(subject),
        ]))
    });
    Principal::any(each.collect())
}

/// Which subjects, behind `before`, match.
fn subjects(before: &str, text: &TextMatch) -> Vec<MatchPattern> {
    let anybody = || vec![present()];
    match text {
        TextMatch::Present => anybody(),
        TextMatch::Exact(text) => match text.strip_prefix(before) {
            None | Some("") => Vec::new(),
            Some(subject) => vec![MatchPattern::Exact(subject.to_owned())],
        },
        TextMatch::Prefix(text) => match text.strip_prefix(before) {
            None if before.starts_with(&**text) => anybody(),
            None => Vec::new(),
            Some("") => anybody(),
            Some(subject) => vec![MatchPattern::Prefix(subject.to_owned())],
        },
        TextMatch::Suffix(text) if text.is_empty() => anybody(),
        TextMatch::Suffix(text) => {
            // It may end in the whole subject with something before.
            let whole = text.char_indices().skip(1).filter_map(|(index, _)| {
                let (end, subject) = text.split_at_checked(index)?;
                before
                    .ends_with(end)
                    .then(|| MatchPattern::Exact(subject.to_owned()))
            });
            std::iter::once(MatchPattern::Suffix(text.to_string()))
                .chain(whole)
                .collect()
        }
    }
}

fn in_claim(claim: &str, pattern: MatchPattern) -> Principal {
    let path = [jwt::PAYLOAD, claim].map(segment).to_vec();
    Principal::metadata(MetadataMatcher {
        filter: jwt::FILTER.to_owned(),
        path,
        value: Some(is(Value::StringMatch(matcher(pattern, Case::Sensitive)))),
        invert: false,
    })
}

/// A claim, nested by this path: a text or a list of texts.
pub(super) fn claim<L: Logic>(path: &[&str], text: &TextMatch) -> L {
    let path: Vec<&str> = std::iter::once(jwt::PAYLOAD)
        .chain(path.iter().copied())
        .collect();
    match path.len() {
        1 => L::never(),
        _ => metadata(jwt::FILTER, &path, text),
    }
}

/// What a filter has left under this path: a text or a list of texts.
pub(super) fn metadata<L: Logic>(filter: &str, path: &[&str], text: &TextMatch) -> L {
    if filter.is_empty() || path.is_empty() || path.iter().any(|it| it.is_empty()) {
        return L::never();
    }
    let pattern = match like(text) {
        Like::Any => regex("(?s).*".to_owned()),
        Like::NotEmpty => present(),
        Like::Pattern(pattern) => pattern,
    };
    let text = || {
        is(Value::StringMatch(matcher(
            pattern.clone(),
            Case::Sensitive,
        )))
    };
    let list = Value::ListMatch(Box::new(ListMatcher {
        match_pattern: Some(list_matcher::MatchPattern::OneOf(Box::new(text()))),
    }));
    L::metadata(MetadataMatcher {
        filter: filter.to_owned(),
        path: path.iter().copied().map(segment).collect(),
        value: Some(is(Value::OrMatch(OrMatcher {
            value_matchers: vec![text(), is(list)],
        }))),
        invert: false,
    })
}

/// Any text but the empty one. What JSON says is always UTF-8.
fn present() -> MatchPattern {
    regex("(?s).+".to_owned())
}

fn is(pattern: Value) -> ValueMatcher {
    ValueMatcher {
        match_pattern: Some(pattern),
    }
}

fn segment(key: &str) -> PathSegment {
    PathSegment {
        segment: Some(Segment::Key(key.to_owned())),
    }
}
