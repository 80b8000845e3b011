//! Templates of paths.
//!
//! `*` is one segment, `**` any number, either with a suffix at the end of the template; `{name}`
//! is `*` with a name, perhaps with text before and behind, and `{name=a/*/b}` are several
//! segments with a name.

use regex::Regex;

use crate::answer::Answer;
use crate::header::without_query;

/// Characters of a segment, besides letters and digits.
const MARKS: &[u8] = b"-._~%!$&'()*+,;:@=";

/// The same as a class.
const SEGMENT: &str = r"a-zA-Z0-9\-._~%!$\&'()*+,;:@=";

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
    let mut writer = Writer::default();
    writer.regex.push('/');
    while !rest.is_empty() {
        rest = if rest.starts_with('*') {
            let behind = writer.operator(rest)?;
            match behind.strip_prefix('/') {
                // A suffix ends the template.
                None if !behind.is_empty() => {
                    writer.literal(behind)?;
                    ""
                }
                _ => behind,
            }
        } else {
            writer.named(rest)?
        };
        if let Some(behind) = rest.strip_prefix('/') {
            writer.regex.push('/');
            rest = behind;
        }
    }
    Some(format!(r"\A{}\z", writer.regex))
}

#[derive(Default)]
struct Writer {
    regex: String,
    /// Whether there was a `**`, behind which there is no further operator.
    several: bool,
}

impl Writer {
    /// `*` or `**`; what stands behind.
    fn operator<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let rest = text.strip_prefix('*')?;
        if self.several {
            return None;
        }
        Some(match rest.strip_prefix('*') {
            Some(rest) => {
                self.several = true;
                self.regex.push_str(&format!("[{SEGMENT}/]*"));
                rest
            }
            None => {
                self.regex.push_str(&format!("[{SEGMENT}]+"));
                rest
            }
        })
    }

    /// A segment that is a text or a variable with text around it; what stands behind.
    fn named<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let end = text.find(['/', '{']).unwrap_or(text.len());
        let (before, rest) = text.split_at_checked(end)?;
        let Some(variable) = rest.strip_prefix('{') else {
            self.literal(before)?;
            return Some(rest);
        };
        if !before.is_empty() {
            self.literal(before)?;
        }
        let (variable, rest) = variable.split_once('}')?;
        self.variable(variable)?;
        let end = rest.find('/').unwrap_or(rest.len());
        let (behind, rest) = rest.split_at_checked(end)?;
        if !behind.is_empty() {
            self.literal(behind)?;
        }
        Some(rest)
    }

    /// A variable: `name` or `name=parts`.
    fn variable(&mut self, variable: &str) -> Option<()> {
        let (name, parts) = variable.split_once('=').unwrap_or((variable, "*"));
        let mut letters = name.bytes();
        let sound = letters.next()?.is_ascii_alphabetic()
            && letters.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !sound || name.len() > 16 {
            return None;
        }
        for (index, part) in parts.split('/').enumerate() {
            if index > 0 {
                self.regex.push('/');
            }
            if !part.starts_with('*') {
                self.literal(part)?;
            } else if !self.operator(part)?.is_empty() {
                return None;
            }
        }
        Some(())
    }

    /// A text as it is.
    fn literal(&mut self, text: &str) -> Option<()> {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || MARKS.contains(&byte);
        if text.is_empty() || !text.bytes().all(sound) {
            return None;
        }
        self.regex.push_str(&regex::escape(text));
        Some(())
    }
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
            ("/a/*", "/a/b=*", true),
            ("/a/*", "/a/b|c", false),
            ("/a/*", "/a/b{}", false),
            ("/a*b", "/acb", false),
            ("/a*b", "/a*b", true),
            ("/a/v{x}/b", "/a/v1/b", true),
            ("/a/v{x}/b", "/a/v/b", false),
            ("/{a}.json", "/x.json", true),
            ("/{a}.json", "/.json", false),
            ("/{x}y/z", "/ay/z", true),
            ("/**/x", "/b/x/x", true),
            ("/a/**/", "/a/b/", true),
            ("/a/**/", "/a/b", false),
        ] {
            let answer = matches(template, path);
            assert_eq!(answer, Answer::from(expected), "{template} {path}");
        }
    }

    #[test]
    fn what_envoy_refuses_is_not_known() {
        for template in [
            "", "a", "/**/*", "/a b", "/{", "/{1}", "/{x=}", "/*a/b", "//",
        ] {
            let answer = matches(template, "/a");
            assert!(
                matches!(answer, Answer::Unknown(_)),
                "{template}: {answer:?}"
            );
        }
    }
}
