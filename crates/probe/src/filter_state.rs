//! Objects that filters leave, and matchers of them.

use std::collections::BTreeMap;

use envoy::core::data_source::Specifier;
use envoy::core::substitution_format_string::Format;
use envoy::filter_state::FilterStateValue;
use envoy::filter_state::filter_state_value::{Key, Value};
use envoy::matcher::FilterStateMatcher;
use envoy::matcher::filter_state_matcher::Matcher;
use ferromesh_envoy as envoy;

use crate::answer::{Answer, unknown};
use crate::text;
use crate::traffic::Traffic;
use crate::verdict::Outcome;

/// Objects that filters have left, as texts; `None` = nobody knows which.
#[derive(Clone, Debug, Default)]
pub(crate) struct FilterState {
    objects: BTreeMap<String, Option<String>>,
}

/// Leaves what a filter says.
pub(crate) fn set(values: &[FilterStateValue], traffic: &mut Traffic<'_>) -> Result<(), Outcome> {
    for value in values {
        let Some(Key::ObjectKey(key)) = &value.key else {
            return Err(unknown("an object of the filter state without key"));
        };
        let text = match &value.value {
            Some(Value::FormatString(format)) => match &format.format {
                Some(Format::TextFormatSource(source)) => match &source.specifier {
                    Some(Specifier::InlineString(text)) => format_text(text, traffic),
                    _ => None,
                },
                _ => None,
            },
            None => None,
        };
        if value.skip_if_empty && text.as_ref().is_some_and(String::is_empty) {
            continue;
        }
        traffic.filter_state.objects.insert(key.clone(), text);
    }
    Ok(())
}

/// What a format yields; `None` if that is not known. Texts without commands stay as they are.
fn format_text(format: &str, traffic: &Traffic<'_>) -> Option<String> {
    let certificate = traffic.connection.tls.certificate();
    match format {
        "%DOWNSTREAM_PEER_URI_SAN%" => Some(certificate?.uris.join(",")),
        "%DOWNSTREAM_PEER_DNS_SAN%" => Some(certificate?.dns_names.join(",")),
        "%DOWNSTREAM_LOCAL_ADDRESS%" => Some(traffic.connection.destination.to_string()),
        text if !text.contains('%') => Some(text.to_owned()),
        _ => None,
    }
}

/// Whether an object matches.
pub(crate) fn matches(matcher: &FilterStateMatcher, state: &FilterState) -> Answer {
    let FilterStateMatcher { key, matcher } = matcher;
    match (state.objects.get(key), matcher) {
        (None, _) => Answer::No,
        (Some(Some(value)), Some(Matcher::StringMatch(matcher))) => text::matches(matcher, value),
        (Some(_), _) => Answer::unknown(format!("the filter state {key}")),
    }
}
