//! Scalars as kubectl reads them. The rules are those of `sigs.k8s.io/yaml` (`goyaml.v2`,
//! `resolve.go`) followed by its way through JSON, where a float without a fraction is an integer;
//! the table in the tests was checked against kubectl 1.32.

use serde_json::{Number, Value};

/// Why a scalar has no reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is 15 to some readers and 17 to others.
    Octal,
    /// Infinity or not a number: JSON has no such value.
    NotFinite,
}

/// Reads a scalar without quotes and without a tag.
pub(super) fn plain(text: &str) -> Result<Value, Refusal> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Ok(Value::Bool(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Ok(Value::Bool(false));
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF"
        | "-.inf" | "-.Inf" | "-.INF" => return Err(Refusal::NotFinite),
        _ => {}
    }
    let number = match text.bytes().next() {
        Some(b'.') => float(text),
        Some(b'0'..=b'9' | b'+' | b'-') => number(&text.replace('_', ""))?,
        _ => None,
    };
    Ok(number.map_or_else(|| Value::String(text.to_owned()), Value::Number))
}

fn number(text: &str) -> Result<Option<Number>, Refusal> {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let radix = match digits.get(..2) {
        Some("0x" | "0X") => 16,
        Some("0o" | "0O") => 8,
        Some("0b" | "0B") => 2,
        _ => 10,
    };
    if radix != 10 {
        return Ok(digits
            .get(2..)
            .and_then(|digits| integer(digits, radix, negative)));
    }
    let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if all_digits && digits.len() > 1 && digits.starts_with('0') {
        return Err(Refusal::Octal);
    }
    if all_digits && let Some(number) = integer(digits, 10, negative) {
        return Ok(Some(number));
    }
    Ok(float(text))
}

fn integer(digits: &str, radix: u32, negative: bool) -> Option<Number> {
    // `from_str_radix` takes a sign of its own.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    let value = if negative { -value } else { value };
    match i64::try_from(value) {
        Ok(value) => Some(value.into()),
        // kubectl goes through a float here, too.
        Err(_) if radix == 10 => None,
        Err(_) => Number::from_f64(value as f64),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            exponent.strip_prefix(['+', '-']).unwrap_or(exponent),
        ),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let well_formed = digits(whole)
        && digits(fraction)
        && digits(exponent)
        && !exponent.is_empty()
        && !(whole.is_empty() && fraction.is_empty());
    let value: f64 = if well_formed {
        text.parse().ok()?
    } else {
        return None;
    };
    if value.fract() == 0.0 && value.abs() < 9.2e18 {
        // No loss: the value is whole and fits.
        return Some((value as i64).into());
    }
    Number::from_f64(value)
}

/// The text of a key: kubectl makes strings of keys that are numbers or booleans. `None` if
/// the key cannot be one.
pub(super) fn key(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Refusal, plain};

    #[test]
    fn scalars_read_as_kubectl_reads_them() {
        let same = |text: &str| Value::String(text.to_owned());
        for (text, expected) in [
            ("yes", json!(true)),
            ("y", json!(true)),
            ("N", json!(false)),
            ("on", json!(true)),
            ("off", json!(false)),
            ("TRUE", json!(true)),
            ("tRue", same("tRue")),
            ("null", json!(null)),
            ("~", json!(null)),
            ("", json!(null)),
            ("0o17", json!(15)),
            ("0x1F", json!(31)),
            ("0X1f", json!(31)),
            ("-0x1F", json!(-31)),
            ("0b11", json!(3)),
            ("-0b11", json!(-3)),
            ("1_000", json!(1000)),
            ("1__0", json!(10)),
            ("_1", same("_1")),
            ("1e3", json!(1000)),
            ("12e03", json!(12000)),
            ("1e21", json!(1e21)),
            ("1e-7", json!(1e-7)),
            ("1.50", json!(1.5)),
            ("1.0", json!(1)),
            ("1.", json!(1)),
            (".5", json!(0.5)),
            ("-.5", json!(-0.5)),
            ("08.5", json!(8.5)),
            ("0", json!(0)),
            ("-0", json!(0)),
            ("+1", json!(1)),
            ("0.0", json!(0)),
            ("18446744073709551615", json!(18446744073709551615_f64)),
            ("100000000000000000000000", json!(1e23)),
            ("1e400", same("1e400")),
            ("190:20:30", same("190:20:30")),
            ("2024-01-01", same("2024-01-01")),
            ("2024-01-01T00:00:00Z", same("2024-01-01T00:00:00Z")),
            ("0777x", same("0777x")),
            ("0x", same("0x")),
            ("0o8", same("0o8")),
            ("1.2.3", same("1.2.3")),
            ("10s", same("10s")),
            ("-", same("-")),
            (".", same(".")),
            ("...", same("...")),
        ] {
            assert_eq!(plain(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_readers_disagree_on_is_refused() {
        for text in ["017", "-017", "08", "00", "0_1", "0755"] {
            assert_eq!(plain(text), Err(Refusal::Octal), "{text}");
        }
        for text in [".nan", "-.inf", ".INF"] {
            assert_eq!(plain(text), Err(Refusal::NotFinite), "{text}");
        }
    }
}
