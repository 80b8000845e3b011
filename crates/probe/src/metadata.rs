//! Metadata that filters leave, and matchers of it.

use std::collections::BTreeMap;

use envoy::matcher::metadata_matcher::path_segment::Segment;
use envoy::matcher::value_matcher::MatchPattern;
use envoy::matcher::{MetadataMatcher, ValueMatcher, double_matcher, list_matcher};
use envoy::value::Kind;
use envoy::{Struct, Value};
use ferromesh_envoy as envoy;

use crate::answer::Answer;
use crate::text;

/// What filters have left, by their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata {
    by_filter: BTreeMap<String, Struct>,
}

impl Metadata {
    /// Adds fields; the newest count.
    pub(crate) fn add(&mut self, filter: &str, fields: impl IntoIterator<Item = (String, Value)>) {
        self.by_filter
            .entry(filter.to_owned())
            .or_default()
            .fields
            .extend(fields);
    }

    /// The value under a path, if there is one.
    fn find<'a>(&self, filter: &str, mut path: impl Iterator<Item = &'a str>) -> Option<&Kind> {
        let first = self.by_filter.get(filter)?.fields.get(path.next()?)?;
        let found = path.try_fold(first, |value, key| match &value.kind {
            Some(Kind::StructValue(inner)) => inner.fields.get(key),
            _ => None,
        })?;
        found.kind.as_ref()
    }
}

/// A text as metadata.
pub(crate) fn string(text: impl Into<String>) -> Value {
    Value {
        kind: Some(Kind::StringValue(text.into())),
    }
}

/// JSON as metadata; numbers become doubles.
pub(crate) fn from_json(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(values) => Kind::ListValue(envoy::ListValue {
            values: values.iter().map(from_json).collect(),
        }),
        Json::Object(fields) => Kind::StructValue(Struct {
            fields: fields
                .iter()
                .map(|(key, value)| (key.clone(), from_json(value)))
                .collect(),
        }),
    };
    Value { kind: Some(kind) }
}

/// Whether metadata matches.
pub(crate) fn matches(matcher: &MetadataMatcher, metadata: &Metadata) -> Answer {
    let MetadataMatcher {
        filter,
        path,
        value,
        invert,
    } = matcher;
    let keys: Option<Vec<&str>> = path
        .iter()
        .map(|segment| segment.segment.as_ref().map(|Segment::Key(key)| &**key))
        .collect();
    let (Some(keys), Some(value)) = (keys, value) else {
        return Answer::unknown("a matcher of metadata without path or value");
    };
    let found = metadata.find(filter, keys.into_iter());
    matches_value(value, found).inverted(*invert)
}

fn matches_value(matcher: &ValueMatcher, value: Option<&Kind>) -> Answer {
    match (&matcher.match_pattern, value) {
        (Some(MatchPattern::OrMatch(any)), _) => Answer::any(
            any.value_matchers
                .iter()
                .map(|matcher| matches_value(matcher, value)),
        ),
        (Some(MatchPattern::PresentMatch(true)), _) => value.is_some().into(),
        (Some(MatchPattern::PresentMatch(false)), _) => {
            Answer::unknown("a matcher of metadata that is not present")
        }
        (Some(MatchPattern::NullMatch(_)), Some(Kind::NullValue(_))) => Answer::Yes,
        (Some(MatchPattern::BoolMatch(expected)), Some(Kind::BoolValue(value))) => {
            (expected == value).into()
        }
        (Some(MatchPattern::StringMatch(matcher)), Some(Kind::StringValue(value))) => {
            text::matches(matcher, value)
        }
        (Some(MatchPattern::DoubleMatch(matcher)), Some(Kind::NumberValue(value))) => {
            match &matcher.match_pattern {
                Some(double_matcher::MatchPattern::Exact(expected)) => (expected == value).into(),
                Some(double_matcher::MatchPattern::Range(range)) => {
                    (range.start <= *value && *value < range.end).into()
                }
                None => Answer::unknown("a matcher of numbers without pattern"),
            }
        }
        (Some(MatchPattern::ListMatch(list)), Some(Kind::ListValue(values))) => {
            match &list.match_pattern {
                Some(list_matcher::MatchPattern::OneOf(matcher)) => Answer::any(
                    values
                        .values
                        .iter()
                        .map(|value| matches_value(matcher, value.kind.as_ref())),
                ),
                None => Answer::unknown("a matcher of lists without pattern"),
            }
        }
        (Some(_), _) => Answer::No,
        (None, _) => Answer::unknown("a matcher of values without pattern"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy::matcher::metadata_matcher::PathSegment;
    use envoy::matcher::{DoubleMatcher, ListMatcher, OrMatcher, StringMatcher, string_matcher};

    fn value(pattern: MatchPattern) -> ValueMatcher {
        ValueMatcher {
            match_pattern: Some(pattern),
        }
    }

    fn exact(text: &str) -> MatchPattern {
        MatchPattern::StringMatch(StringMatcher {
            match_pattern: Some(string_matcher::MatchPattern::Exact(text.to_owned())),
            ..Default::default()
        })
    }

    fn one_of(pattern: MatchPattern) -> MatchPattern {
        MatchPattern::ListMatch(Box::new(ListMatcher {
            match_pattern: Some(list_matcher::MatchPattern::OneOf(Box::new(value(pattern)))),
        }))
    }

    fn number(value: f64) -> MatchPattern {
        MatchPattern::DoubleMatch(DoubleMatcher {
            match_pattern: Some(double_matcher::MatchPattern::Exact(value)),
        })
    }

    #[test]
    fn values_match_by_their_kind() {
        let json = serde_json::json!({
            "payload": {
                "sub": "me",
                "groups": ["a", "b"],
                "deep": {"level": 3, "on": true, "none": null},
            }
        });
        let mut metadata = Metadata::default();
        if let Some(Kind::StructValue(fields)) = from_json(&json).kind {
            metadata.add("jwt", fields.fields);
        }
        let either = |text: &str| {
            MatchPattern::OrMatch(OrMatcher {
                value_matchers: vec![value(exact(text)), value(one_of(exact(text)))],
            })
        };
        for (path, pattern, invert, expected) in [
            ("payload.sub", exact("me"), false, Answer::Yes),
            ("payload.sub", exact("you"), false, Answer::No),
            ("payload.sub", exact("you"), true, Answer::Yes),
            ("payload.sub", one_of(exact("me")), false, Answer::No),
            ("payload.sub", either("me"), false, Answer::Yes),
            ("payload.groups", exact("a"), false, Answer::No),
            ("payload.groups", one_of(exact("b")), false, Answer::Yes),
            ("payload.groups", either("c"), false, Answer::No),
            ("payload.deep.level", number(3.0), false, Answer::Yes),
            ("payload.deep.level", exact("3"), false, Answer::No),
            (
                "payload.deep.on",
                MatchPattern::BoolMatch(true),
                false,
                Answer::Yes,
            ),
            (
                "payload.deep.none",
                MatchPattern::NullMatch(Default::default()),
                false,
                Answer::Yes,
            ),
            (
                "payload.deep.none",
                MatchPattern::PresentMatch(true),
                false,
                Answer::Yes,
            ),
            (
                "payload.deep",
                MatchPattern::PresentMatch(true),
                false,
                Answer::Yes,
            ),
            (
                "payload.nothing",
                MatchPattern::PresentMatch(true),
                false,
                Answer::No,
            ),
            ("payload.nothing", exact(""), true, Answer::Yes),
            ("payload.sub.more", exact("me"), false, Answer::No),
            ("nothing.sub", exact("me"), false, Answer::No),
        ] {
            let matcher = MetadataMatcher {
                filter: "jwt".to_owned(),
                path: path
                    .split('.')
                    .map(|key| PathSegment {
                        segment: Some(Segment::Key(key.to_owned())),
                    })
                    .collect(),
                value: Some(value(pattern)),
                invert,
            };
            assert_eq!(matches(&matcher, &metadata), expected, "{matcher:?}");
        }
    }
}
