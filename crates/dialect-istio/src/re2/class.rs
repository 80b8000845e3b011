//! Character classes.

use super::{escape, unicode};

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// What follows the class in brackets at the start of `text`.
pub(super) fn skip(text: &str) -> Result<&str, String> {
    let mut rest = text.strip_prefix('[').unwrap_or(text);
    rest = rest.strip_prefix('^').unwrap_or(rest);
    let mut first = true;
    loop {
        if let (Some(after), false) = (rest.strip_prefix(']'), first) {
            return Ok(after);
        }
        if rest.is_empty() {
            return Err("missing ]".to_owned());
        }
        first = false;
        rest = item(rest)?;
    }
}

fn item(text: &str) -> Result<&str, String> {
    if let Some((name, rest)) = text
        .strip_prefix("[:")
        .and_then(|named| named.split_once(":]"))
    {
        return if POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
            Ok(rest)
        } else {
            Err(format!("unknown character class [:{name}:]"))
        };
    }
    if let Some(rest) = skip_escaped(text)? {
        return Ok(rest);
    }
    let (low, rest) = character(text)?;
    match rest.strip_prefix('-') {
        Some(after) if !after.is_empty() && !after.starts_with(']') => {
            let (high, rest) = character(after)?;
            if high < low {
                return Err(format!("invalid character range {low}-{high}"));
            }
            Ok(rest)
        }
        _ => Ok(rest),
    }
}

fn character(text: &str) -> Result<(char, &str), String> {
    match text.chars().next() {
        None => Err("missing ]".to_owned()),
        Some('\\') => escape::skip(text),
        Some(other) => Ok((other, text.get(other.len_utf8()..).unwrap_or_default())),
    }
}

/// What follows the class `\d`, `\pL` or `\p{Greek}` at the start of `text`; `None` if there is
/// none.
pub(super) fn skip_escaped(text: &str) -> Result<Option<&str>, String> {
    let Some(after) = text.strip_prefix('\\') else {
        return Ok(None);
    };
    if let Some(rest) = after.strip_prefix(['d', 'D', 's', 'S', 'w', 'W']) {
        return Ok(Some(rest));
    }
    let Some(named) = after.strip_prefix(['p', 'P']) else {
        return Ok(None);
    };
    let (name, rest) = match named.strip_prefix('{') {
        Some(braced) => braced.split_once('}').ok_or("missing } of \\p{")?,
        None => {
            let length = named.chars().next().map_or(0, char::len_utf8);
            named.split_at_checked(length).unwrap_or((named, ""))
        }
    };
    if unicode::is_group(name.strip_prefix('^').unwrap_or(name)) {
        Ok(Some(rest))
    } else {
        Err(format!("unknown character class \\p{{{name}}}"))
    }
}
