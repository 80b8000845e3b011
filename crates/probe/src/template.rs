//! Templates of paths.
//!
//! `*` is one segment or a part of one, `**` any number, `{name}` is `*` with a name, and
//! `{name=a/*/b}` several segments with a name.

use regex::Regex;

use crate::answer::Answer;
use crate::header::without_query;

/// Characters of a segment.
const SEGMENT: &str = r"a-zA-Z0-9\-._~%!$\&'()+,;:@";

/// Whether the path, without its query, matches.
pub(crate) fn matches(template: &str, path: &str) -> Answer {
    let regex = expression(template).and_then(|regex| Regex::new(&regex).ok());
    match regex {
        Some(regex) => regex.is_match(without_query(path)).into(),
        None => Answer::unknown(format!("the template of paths {template}")),
    }
}

/// The regular expression of a template; `None` if Envoy refuses it, or nobody knows.
fn expression(template: &str) -> Option<String> {
    let mut rest = template.strip_prefix('/')?;
    let mut regex = r"\A/".to_owned();
    let mut several = false;
    while !rest.is_empty() {
        rest = if let Some(inner) = rest.strip_prefix('{') {
            let (variable, after) = inner.split_once('}')?;
            push_variable(variable, &mut regex, &mut several)?;
            after
        } else {
            push_part(rest, &mut regex, &mut several)?
        };
        match rest.strip_prefix('/') {
            Some(after) => {
                regex.push('/');
                rest = after;
            }
            // A suffix ends the template.
            None if !rest.is_empty() => {
                literal(rest, &mut regex)?;
                rest = "";
            }
            None => {}
        }
    }
    regex.push_str(r"\z");
    Some(regex)
}

/// A variable: `name` or `name=parts`.
fn push_variable(variable: &str, regex: &mut String, several: &mut bool) -> Option<()> {
    let (name, parts) = variable.split_once('=').unwrap_or((variable, "*"));
    let mut letters = name.bytes();
    let sound = letters.next()?.is_ascii_alphabetic()
        && letters.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !sound || name.len() > 16 {
        return None;
    }
    for (index, part) in parts.split('/').enumerate() {
        if index > 0 {
            regex.push('/');
        }
        if !push_part(part, regex, several)?.is_empty() {
            return None;
        }
    }
    Some(())
}

/// An operator or a literal; the rest.
fn push_part<'a>(part: &'a str, regex: &mut String, several: &mut bool) -> Option<&'a str> {
    if let Some(rest) = part.strip_prefix('*') {
        // Behind `**` there is no further operator.
        if *several {
            return None;
        }
        return Some(match rest.strip_prefix('*') {
            Some(rest) => {
                *several = true;
                regex.push_str(&format!("[{SEGMENT}/]*"));
                rest
            }
            None => {
                regex.push_str(&format!("[{SEGMENT}]+"));
                rest
            }
        });
    }
    let end = part.find('/').unwrap_or(part.len());
    let (text, rest) = part.split_at_checked(end)?;
    literal(text, regex)?;
    Some(rest)
}

/// A text as it is.
fn literal(text: &str, regex: &mut String) -> Option<()> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()+,;:@".contains(&byte);
    if text.is_empty() || !text.bytes().all(sound) {
        return None;
    }
    regex.push_str(&regex::escape(text));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_match_as_envoy_says() {
        for (template, path, expected) in [
            ("/a/*", "/a/b", true),
            ("/a/*", "/a/b?c/d", true),
            ("/a/*", "/a/", false),
            ("/a/*", "/a", false),
            ("/a/*", "/a/b/c", false),
            ("/a/**", "/a/b/c", true),
            ("/a/**", "/a/", true),
            ("/a/**", "/a", false),
            ("/**", "/", true),
            ("/*/b", "/a/b", true),
            ("/*/b", "/a/b/", false),
            ("/a/b/", "/a/b/", true),
            ("/a/b/", "/a/b", false),
            ("/{x}/b", "/a/b", true),
            ("/{x=a/*}/b", "/a/c/b", true),
            ("/{x=**}/b", "/a/c/b", true),
            ("/**.mpd", "/a/b.mpd", true),
            ("/a/*.mpd", "/a/b.mpd", true),
            ("/a/*.mpd", "/a/b.mpe", false),
            ("/a.b", "/axb", false),
        ] {
            let answer = matches(template, path);
            assert_eq!(answer, Answer::from(expected), "{template} {path}");
        }
    }

    #[test]
    fn what_envoy_refuses_is_not_known() {
        for template in [
            "", "a", "/**/*", "/a b", "/{", "/{1}", "/{x=}", "/a**", "/*a/b", "//",
        ] {
            let answer = matches(template, "/a");
            assert!(
                matches!(answer, Answer::Unknown(_)),
                "{template}: {answer:?}"
            );
        }
    }
}
