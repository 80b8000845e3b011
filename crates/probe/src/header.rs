//! Headers, and matchers of them.

use std::collections::BTreeSet;

use envoy::route::HeaderMatcher;
use envoy::route::header_matcher::HeaderMatchSpecifier;
use ferromesh_envoy as envoy;

use crate::answer::Answer;
use crate::text;

/// Headers that Envoy 1.40 keeps as one, joined by commas, if they stand several times.
const JOINED: &[&str] = &[
    ":authority",
    ":method",
    ":path",
    ":scheme",
    "accept",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "cache-control",
    "cdn-loop",
    "content-encoding",
    "content-type",
    "expect",
    "grpc-accept-encoding",
    "grpc-timeout",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "origin",
    "pragma",
    "proxy-status",
    "referer",
    "user-agent",
    "via",
    "x-client-trace-id",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-external-address",
    "x-envoy-original-path",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];

/// Headers of a request, as filters see them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers {
    /// Names in lower case, and values.
    list: Vec<(String, String)>,
    /// Names whose values can't be told.
    unknown: BTreeSet<String>,
}

impl Headers {
    /// Adds one as it comes from the client.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let name = canonical(name);
        if JOINED.contains(&&*name)
            && let Some((_, before)) = self.list.iter_mut().find(|(other, _)| *other == name)
        {
            before.push(',');
            before.push_str(value);
            return;
        }
        self.list.push((name, value.to_owned()));
    }

    /// Cookies of HTTP/2, which may come one by one, as one header.
    pub(crate) fn join_cookies(&mut self) {
        let all: Vec<&str> = self.get("cookie").collect();
        if all.len() > 1 {
            let joined = all.join("; ");
            self.set("cookie", &joined);
        }
    }

    /// Replaces all of the name.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.list.push((canonical(name), value.to_owned()));
    }

    /// Removes all of the name.
    pub(crate) fn remove(&mut self, name: &str) {
        let name = canonical(name);
        self.list.retain(|(other, _)| *other != name);
        self.unknown.remove(&name);
    }

    /// Nobody knows the values of this one.
    pub(crate) fn forget(&mut self, name: &str) {
        self.remove(name);
        self.unknown.insert(canonical(name));
    }

    /// The values of a name.
    pub(crate) fn get<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let name = canonical(name);
        let wanted = self.list.iter().filter(move |(other, _)| *other == name);
        wanted.map(|(_, value)| &**value)
    }

    /// The first value of a name.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.get(name).next()
    }

    /// The path with its query; empty = there is none.
    pub(crate) fn path(&self) -> &str {
        self.first(":path").unwrap_or_default()
    }

    /// Whether nobody knows the values of a name.
    pub(crate) fn is_unknown(&self, name: &str) -> bool {
        self.unknown.contains(&canonical(name))
    }
}

/// The name under which Envoy keeps it.
fn canonical(name: &str) -> String {
    match name.to_ascii_lowercase() {
        host if host == "host" => ":authority".to_owned(),
        name => name,
    }
}

/// The path without query and fragment.
pub(crate) fn without_query(path: &str) -> &str {
    path.split_once(['?', '#']).map_or(path, |(path, _)| path)
}

/// Whether headers match. Each value is looked at by itself (Envoy's
/// `rbac_match_headers_individually`): one must match, or none if it is inverted.
pub(crate) fn matches(matcher: &HeaderMatcher, headers: &Headers) -> Answer {
    let HeaderMatcher {
        name,
        invert_match,
        treat_missing_header_as_empty,
        header_match_specifier,
    } = matcher;
    if headers.is_unknown(name) {
        return Answer::unknown(format!("the header {name}"));
    }
    let mut values: Vec<&str> = headers.get(name).collect();
    let present = !values.is_empty() || *treat_missing_header_as_empty;
    let specifier = match header_match_specifier {
        None => &HeaderMatchSpecifier::PresentMatch(true),
        Some(specifier) => specifier,
    };
    if let HeaderMatchSpecifier::PresentMatch(expected) = specifier {
        return Answer::from(present == *expected).inverted(*invert_match);
    }
    if !present {
        return Answer::No;
    }
    if values.is_empty() {
        values.push("");
    }
    let answers = values.into_iter().map(|value| is_like(specifier, value));
    Answer::any(answers).inverted(*invert_match)
}

#[allow(deprecated, reason = "Envoy still reads the old forms")]
fn is_like(specifier: &HeaderMatchSpecifier, value: &str) -> Answer {
    match specifier {
        HeaderMatchSpecifier::ExactMatch(text) => (text.is_empty() || value == text).into(),
        HeaderMatchSpecifier::PrefixMatch(text) => value.starts_with(text).into(),
        HeaderMatchSpecifier::SuffixMatch(text) => value.ends_with(text).into(),
        HeaderMatchSpecifier::ContainsMatch(text) => value.contains(text).into(),
        HeaderMatchSpecifier::SafeRegexMatch(regex) => text::regex(regex, value),
        HeaderMatchSpecifier::StringMatch(matcher) => text::matches(matcher, value),
        HeaderMatchSpecifier::RangeMatch(range) => match value.trim_ascii().parse::<i64>() {
            Ok(number) => (range.start <= number && number < range.end).into(),
            Err(_) => Answer::No,
        },
        HeaderMatchSpecifier::PresentMatch(expected) => (*expected).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy::matcher::string_matcher::MatchPattern;
    use envoy::matcher::{RegexMatcher, StringMatcher};
    use envoy::types::Int64Range;

    /// What Envoy 1.40 answered to these values of a header `x`.
    const SENT: &[&[&str]] = &[
        &[],
        &["a"],
        &["b"],
        &["a", "b"],
        &["b", "a"],
        &["a,b"],
        &[""],
        &["", "a"],
        &["3"],
        &["3", "9"],
    ];

    fn string(pattern: MatchPattern) -> Option<HeaderMatchSpecifier> {
        Some(HeaderMatchSpecifier::StringMatch(StringMatcher {
            match_pattern: Some(pattern),
            ..Default::default()
        }))
    }

    fn exact(text: &str) -> Option<HeaderMatchSpecifier> {
        string(MatchPattern::Exact(text.to_owned()))
    }

    fn check(specifier: Option<HeaderMatchSpecifier>, options: &str, expected: &str) {
        let matcher = HeaderMatcher {
            name: "X".to_owned(),
            header_match_specifier: specifier,
            invert_match: options.contains("invert"),
            treat_missing_header_as_empty: options.contains("empty"),
        };
        let answers: String = SENT
            .iter()
            .map(|values| {
                let mut headers = Headers::default();
                for value in *values {
                    headers.add("x", value);
                }
                match matches(&matcher, &headers) {
                    Answer::Yes => 'Y',
                    Answer::No => '.',
                    Answer::Unknown(_) => '?',
                }
            })
            .collect();
        assert_eq!(answers, expected, "{matcher:?}");
    }

    #[test]
    fn each_value_counts_by_itself() {
        let present = |value| Some(HeaderMatchSpecifier::PresentMatch(value));
        let regex = |regex: &str| {
            string(MatchPattern::SafeRegex(RegexMatcher {
                regex: regex.to_owned(),
                ..Default::default()
            }))
        };
        check(exact("a"), "", ".Y.YY..Y..");
        check(exact("a,b"), "", ".....Y....");
        check(
            string(MatchPattern::Suffix("b".to_owned())),
            "",
            "..YYYY....",
        );
        check(
            string(MatchPattern::Prefix("a".to_owned())),
            "",
            ".Y.YYY.Y..",
        );
        check(
            string(MatchPattern::Contains(",".to_owned())),
            "",
            ".....Y....",
        );
        check(exact("a"), "invert", "..Y..YY.YY");
        check(present(true), "", ".YYYYYYYYY");
        check(present(true), "invert", "Y.........");
        check(present(false), "", "Y.........");
        check(exact(""), "", "......YY..");
        check(exact("a"), "empty", ".Y.YY..Y..");
        check(exact(""), "empty", "Y.....YY..");
        check(exact("a"), "empty invert", "Y.Y..YY.YY");
        check(present(true), "empty", "YYYYYYYYYY");
        check(regex(".+"), "", ".YYYYY.YYY");
        check(None, "", ".YYYYYYYYY");
        let range = HeaderMatchSpecifier::RangeMatch(Int64Range { start: 1, end: 5 });
        check(Some(range), "", "........YY");
    }

    #[test]
    fn some_headers_are_joined() {
        let mut headers = Headers::default();
        for (name, value) in [
            ("X-Forwarded-For", "a"),
            ("x-forwarded-for", "b"),
            ("host", "c"),
            (":authority", "d"),
            ("cookie", "e"),
            ("Cookie", "f"),
        ] {
            headers.add(name, value);
        }
        let all = |name| headers.get(name).collect::<Vec<_>>();
        assert_eq!(all("x-forwarded-for"), ["a,b"]);
        assert_eq!(all("Host"), ["c,d"]);
        assert_eq!(all("cookie"), ["e", "f"]);
    }

    #[test]
    fn what_is_not_known_is_said() {
        let mut headers = Headers::default();
        headers.forget("x");
        let matcher = HeaderMatcher {
            name: "x".to_owned(),
            ..Default::default()
        };
        assert!(matches!(matches(&matcher, &headers), Answer::Unknown(_)));
    }
}
