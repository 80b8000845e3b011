//! Escaped characters.

/// The character that the escape at the start of `text` stands for, and what follows.
pub(super) fn skip(text: &str) -> Result<(char, &str), String> {
    let after = text.strip_prefix('\\').unwrap_or(text);
    let Some(first) = after.chars().next() else {
        return Err("trailing \\".to_owned());
    };
    let rest = after.get(first.len_utf8()..).unwrap_or_default();
    let invalid = || format!("invalid escape \\{first}");
    match first {
        'n' | 'r' | 't' | 'a' | 'f' | 'v' => Ok((control(first), rest)),
        'x' => hexadecimal(rest).ok_or_else(invalid),
        '0' => octal(after).ok_or_else(invalid),
        // A single digit would be a back reference, which RE2 has not.
        '1'..='7' if rest.starts_with(|c| matches!(c, '0'..='7')) => {
            octal(after).ok_or_else(invalid)
        }
        punctuation if punctuation.is_ascii() && !punctuation.is_ascii_alphanumeric() => {
            Ok((punctuation, rest))
        }
        '1'..='9' => Err(format!("RE2 has no back references (\\{first})")),
        _ => Err(invalid()),
    }
}

fn control(letter: char) -> char {
    match letter {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'a' => '\x07',
        'f' => '\x0c',
        _ => '\x0b',
    }
}

/// Up to three octal digits.
fn octal(text: &str) -> Option<(char, &str)> {
    let end = text
        .bytes()
        .take(3)
        .take_while(|b| matches!(b, b'0'..=b'7'))
        .count();
    let (digits, rest) = text.split_at_checked(end)?;
    let code = u32::from_str_radix(digits, 8).ok()?;
    Some((char::from_u32(code)?, rest))
}

/// Two hexadecimal digits, or any number of them in braces.
fn hexadecimal(text: &str) -> Option<(char, &str)> {
    let (digits, rest) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => text.split_at_checked(2)?,
    };
    let significant = digits.trim_start_matches('0');
    if digits.is_empty()
        || significant.len() > 6
        || !digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    {
        return None;
    }
    let code = u32::from_str_radix(significant, 16).unwrap_or(0);
    // RE2 takes surrogates as code points; they match nothing, and only order counts here.
    let surrogate = (0xd800..0xe000).contains(&code);
    let code = if surrogate { 0xd7ff } else { code };
    Some((char::from_u32(code)?, rest))
}
