//! Faults of form in the words of those who write YAML, and ways out of them.

/// A fault of serde's in the words of those who write YAML, as far as it is one that is known
/// here; [`advice`] and [`known_words`] read them again.
pub(crate) fn plain(message: &str) -> String {
    told(message).unwrap_or_else(|| message.to_owned())
}

fn told(message: &str) -> Option<String> {
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let (word, known) = rest.rsplit_once("`, expected ")?;
        let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        return Some(format!(
            "unknown value {word:?}: expected {}",
            alternatives(&known)
        ));
    }
    let is_out_of_range = message.starts_with("invalid value: ");
    let rest = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))?;
    let (found, wanted) = rest.rsplit_once(", expected ")?;
    let range = is_out_of_range
        .then(|| range(wanted))
        .flatten()
        .unwrap_or_default();
    Some(format!(
        "expected {}{range}, not {}",
        kind(wanted)?,
        value(found)
    ))
}

fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// What serde wants. Types are written in upper case.
fn kind(wanted: &str) -> Option<&'static str> {
    Some(match wanted {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "string or map" | "map with a single key" => "a text",
        "a sequence" => "a list",
        "a map" | "a mapping" => "a mapping",
        "IntOrString" | "enum IntOrString" => "a whole number or a text",
        name => {
            let name = name.strip_prefix("struct ").unwrap_or(name);
            let is_type = name.starts_with(|c: char| c.is_ascii_uppercase())
                && name.chars().all(|c| c.is_ascii_alphanumeric());
            return is_type.then_some("a mapping");
        }
    })
}

fn range(wanted: &str) -> Option<&'static str> {
    Some(match wanted {
        "u8" => " from 0 to 255",
        "u16" => " from 0 to 65535",
        "u32" => " from 0 to 4294967295",
        "u64" | "usize" => " of at least 0",
        "i32" => " from -2147483648 to 2147483647",
        _ => return None,
    })
}

/// What serde found.
fn value(found: &str) -> String {
    let number = found
        .strip_prefix("integer ")
        .or_else(|| found.strip_prefix("floating point "));
    if let Some(quoted) = found.strip_prefix("string ") {
        format!("the text {quoted}")
    } else if let Some(number) = number {
        format!("the number {}", number.trim_matches('`'))
    } else if let Some(boolean) = found.strip_prefix("boolean ") {
        boolean.trim_matches('`').to_owned()
    } else {
        match found {
            "sequence" => "a list",
            "map" => "a mapping",
            other => other,
        }
        .to_owned()
    }
}

/// A way out of a type error with this message, if authors commonly make it.
pub fn advice(message: &str) -> Option<&'static str> {
    const UNQUOTED: &str = "write it without quotes";
    let (wanted, found) = message.strip_prefix("expected ")?.split_once(", not ")?;
    let text = found
        .strip_prefix("the text \"")
        .and_then(|text| text.strip_suffix('"'));
    match wanted {
        "a whole number" if text.is_some_and(|text| text.parse::<i64>().is_ok()) => Some(UNQUOTED),
        "a whole number" => Some("write a whole number"),
        "a number" if text.is_some_and(|text| text.parse::<f64>().is_ok()) => Some(UNQUOTED),
        "a number" => Some("write a number"),
        "true or false" if matches!(text, Some("true" | "false")) => Some(UNQUOTED),
        "true or false" => Some("write true or false"),
        "a list" => Some("write [a, b], or each item on a line of its own after \"- \""),
        "a text" if found.starts_with("the number ") => {
            Some("write it in quotes: without, YAML reads it as a number")
        }
        "a text" if matches!(found, "true" | "false") => {
            Some("write it in quotes: without, YAML reads y, yes, on, n, no and off as booleans")
        }
        _ => None,
    }
}

/// Of a fault that a word is not one of those that are known: the word, and those.
pub fn known_words(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown value \"")?;
    let (word, known) = rest.rsplit_once("\": expected ")?;
    let known = known.split(", ").flat_map(|word| word.split(" or "));
    Some((word, known.collect()))
}

/// Whether a fault is that there should be a mapping.
pub fn wants_mapping(message: &str) -> bool {
    message.starts_with("expected a mapping, not ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::{advice, known_words};
    use crate::istio::StringMatch;
    use crate::read::read;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    enum Word {
        RoundRobin,
        Random,
        LeastRequest,
    }

    #[track_caller]
    fn check<T: DeserializeOwned>(value: Value, expected: &str, way_out: Option<&str>) {
        let (_, faults) = read::<T>(&value, "spec");
        let [fault] = &faults[..] else {
            panic!("{value}: {faults:?}")
        };
        assert_eq!(fault.message, expected, "{value}");
        assert_eq!(advice(&fault.message), way_out, "{value}");
    }

    #[test]
    fn wrong_types_are_told_in_the_words_of_yaml() {
        check::<i32>(
            json!("eighty"),
            "expected a whole number, not the text \"eighty\"",
            Some("write a whole number"),
        );
        check::<u16>(
            json!("80"),
            "expected a whole number, not the text \"80\"",
            Some("write it without quotes"),
        );
        check::<u16>(
            json!(70000),
            "expected a whole number from 0 to 65535, not the number 70000",
            None,
        );
        check::<u32>(
            json!(1.5),
            "expected a whole number, not the number 1.5",
            Some("write a whole number"),
        );
        check::<f64>(
            json!("0.5"),
            "expected a number, not the text \"0.5\"",
            Some("write it without quotes"),
        );
        check::<bool>(
            json!("yes"),
            "expected true or false, not the text \"yes\"",
            Some("write true or false"),
        );
        check::<String>(
            json!(5),
            "expected a text, not the number 5",
            Some("write it in quotes: without, YAML reads it as a number"),
        );
        check::<Vec<i32>>(
            json!("a, expected b"),
            "expected a list, not the text \"a, expected b\"",
            Some("write [a, b], or each item on a line of its own after \"- \""),
        );
        for value in [json!("a"), json!(["a"])] {
            let found = if value.is_array() {
                "a list"
            } else {
                "the text \"a\""
            };
            let expected = format!("expected a mapping, not {found}");
            check::<StringMatch>(value.clone(), &expected, None);
            check::<BTreeMap<String, String>>(value, &expected, None);
        }
        check::<Word>(
            json!(5),
            "expected a text, not the number 5",
            advice("expected a text, not the number 5"),
        );
    }

    #[test]
    fn an_unknown_word_stands_beside_those_that_are_known() {
        let (_, faults) = read::<Word>(&json!("ROUND"), "spec");
        let message = faults.first().map(|fault| fault.message.as_str());
        assert_eq!(
            message,
            Some("unknown value \"ROUND\": expected ROUND_ROBIN, RANDOM or LEAST_REQUEST")
        );
        assert_eq!(
            message.and_then(known_words),
            Some(("ROUND", vec!["ROUND_ROBIN", "RANDOM", "LEAST_REQUEST"]))
        );
    }
}
