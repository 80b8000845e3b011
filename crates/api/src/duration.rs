//! Durations as Istio's API writes them: Go's syntax (`1h2m3.5s`, `100ms`), of which protobuf's
//! JSON form (`1.5s`) is a part.

use std::time::Duration;

/// Reads a duration.
///
/// # Errors
/// A message for the author if the text is not a duration, is negative, or does not fit.
pub fn parse(text: &str) -> Result<Duration, String> {
    let invalid =
        || format!("invalid duration {text:?} (write it like \"10s\", \"1.5s\" or \"100ms\")");
    if text.starts_with('-') {
        return Err(format!("duration {text:?} must not be negative"));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let number_len = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(invalid)?;
        let (number, after) = rest.split_at(number_len);
        let unit_len = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        let scale: u128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(invalid()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || whole.len() > 19 || fraction.contains('.') {
            return Err(invalid());
        }
        let whole: u128 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| invalid())?
        };
        nanos += whole * scale;
        let mut digit_scale = scale;
        for digit in fraction.bytes() {
            digit_scale /= 10;
            nanos += u128::from(digit - b'0') * digit_scale;
        }
        rest = after;
    }
    // protobuf's limit is 10 000 years; Go's is 292 years, which is Istio's.
    if nanos > i64::MAX as u128 {
        return Err(format!("duration {text:?} is too long"));
    }
    let nanos = nanos as u64;
    Ok(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse;

    #[test]
    fn reads_what_go_reads() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("10s", 10_000),
            ("1.5s", 1_500),
            ("1h2m3s", 3_723_000),
            ("100ms", 100),
            (".5s", 500),
            ("+2s", 2_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "10",
            "s",
            "1x",
            "-1s",
            "1..5s",
            "1.5.5s",
            ".s",
            "99999999h",
            "1 s",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
