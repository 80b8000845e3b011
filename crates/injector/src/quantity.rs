//! Quantities of resources, such as `100m` and `128Mi`.

use crate::annotation::Misreading;

/// Checks a quantity and gives it back.
pub(crate) fn quantity(text: &str) -> Result<String, Misreading> {
    let number_end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(number_end);
    if text.len() <= 32 && is_number(number) && is_suffix(suffix) {
        Ok(text.to_owned())
    } else {
        Err(Misreading::new(
            format!("{text:?} is no quantity"),
            "write a number with a suffix or without, such as \"100m\", \"0.5\" or \"128Mi\"",
        ))
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().filter(|byte| *byte == b'.').count() <= 1
}

fn is_suffix(text: &str) -> bool {
    const DECIMAL: [&str; 9] = ["n", "u", "m", "", "k", "M", "G", "T", "P"];
    const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    if DECIMAL.contains(&text) || BINARY.contains(&text) || text == "E" {
        return true;
    }
    let exponent = text
        .strip_prefix(['e', 'E'])
        .map(|digits| digits.strip_prefix(['+', '-']).unwrap_or(digits).as_bytes());
    exponent.is_some_and(|digits| {
        (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
    })
}

#[cfg(test)]
mod tests {
    use super::quantity;

    #[test]
    fn quantities_are_kubernetes() {
        for text in [
            "1", "0", "0.5", ".5", "5.", "100m", "128Mi", "1e3", "1E-3", "2E", "10k",
        ] {
            assert_eq!(quantity(text).as_deref(), Ok(text));
        }
        for text in [
            "", ".", "m", "1.2.3", "-1", "1 Gi", "1mi", "1K", "1e", "1Mi\n", "1e9999", "0x1", "１",
        ] {
            assert!(quantity(text).is_err(), "{text:?}");
        }
    }
}
