//! Values of headers, in which `%NAME%` and `%NAME(arguments)%` stand for what Envoy knows of a
//! request, and `%%` for a percent sign.

/// Whether Envoy reads the value.
///
/// # Errors
/// A message for the author.
pub fn check(value: &str) -> Result<(), String> {
    if value.chars().any(|c| c.is_ascii_control() && c != '\t') {
        return Err("a header must not contain control characters".to_owned());
    }
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('%') {
        rest = match after.strip_prefix('%') {
            Some(rest) => rest,
            None => variable(after).ok_or_else(|| {
                format!("unfinished variable in {value:?} (write %% for a percent sign)")
            })?,
        };
    }
    Ok(())
}

/// What follows the variable whose first `%` has been read; `None` if it doesn't end.
fn variable(text: &str) -> Option<&str> {
    let end = text.find(['%', '('])?;
    let rest = text.get(end + 1..)?;
    if text.get(end..=end) == Some("%") {
        return Some(rest);
    }
    let rest = arguments(rest)?.trim_start_matches(' ');
    rest.strip_prefix('%')
}

/// What follows the arguments whose `(` has been read: a plain one, or a list of strings in
/// brackets. Either ends at a `)` that no backslash precedes.
fn arguments(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(' ');
    let mut rest = match text.strip_prefix('[') {
        Some(list) => list.trim_start_matches(' ').strip_prefix('"')?,
        None => text.get(text.chars().next()?.len_utf8()..)?,
    };
    loop {
        let end = unescaped(rest, &[')', '"'])?;
        let after = rest.get(end + 1..)?;
        if rest.get(end..=end) == Some(")") {
            return Some(after);
        }
        let after = after.trim_start_matches(' ');
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start_matches(' ').strip_prefix('"')?,
            None => {
                let after = after.strip_prefix(']')?.trim_start_matches(' ');
                return after.strip_prefix(')');
            }
        };
    }
}

/// Where the first of these characters stands that no backslash precedes.
fn unescaped(text: &str, ends: &[char]) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if ends.contains(&c) {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn reads_what_envoy_reads() {
        for (value, sound) in [
            ("foo", true),
            ("", true),
            ("a\tb", true),
            ("100%%", true),
            ("%HOSTNAME%", true),
            ("prefix %HOSTNAME% suffix", true),
            ("%REQ(x-id)%", true),
            ("%REQ(x-id) %", true),
            (r#"%UPSTREAM_METADATA(["a", "b"])%"#, true),
            (r#"%PER_REQUEST_STATE(a\)b)%"#, true),
            ("abc%123", false),
            ("%START_TIME%%", false),
            ("%", false),
            ("%REQ(x-id%", false),
            (r#"%UPSTREAM_METADATA(["a" "b"])%"#, false),
            (r#"%UPSTREAM_METADATA(["a"]%"#, false),
            ("a\nb", false),
            ("a\u{7f}", false),
        ] {
            assert_eq!(check(value).is_ok(), sound, "{value:?}");
        }
    }
}
