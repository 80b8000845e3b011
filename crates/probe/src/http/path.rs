//! Normalisation of paths. Envoy normalises what stands before the query only.

use envoy::hcm::HttpConnectionManager;
use envoy::hcm::http_connection_manager::PathWithEscapedSlashesAction as Action;
use ferromesh_envoy as envoy;

use super::bad_request;
use crate::answer::unknown;
use crate::traffic::Traffic;
use crate::verdict::Outcome;

/// Normalises the path, or refuses it.
pub(super) fn normalize(
    manager: &HttpConnectionManager,
    traffic: &mut Traffic<'_>,
) -> Result<(), Outcome> {
    if manager.path_normalization_options.is_some()
        || manager.typed_header_validation_config.is_some()
    {
        return Err(unknown("another normalisation of paths"));
    }
    let failed = || bad_request("path_normalization_failed");
    let before = traffic.headers.path();
    if before.contains('#') {
        return Err(failed());
    }
    let (path, query) = before.split_at(before.find('?').unwrap_or(before.len()));
    let mut path = path.to_owned();
    let mut redirect = false;
    let unescaped = unescape_slashes(&path);
    if unescaped != path {
        match Action::try_from(manager.path_with_escaped_slashes_action) {
            Ok(Action::ImplementationSpecificDefault | Action::KeepUnchanged) => {}
            Ok(Action::RejectRequest) => return Err(failed()),
            Ok(Action::UnescapeAndForward) => path = unescaped,
            Ok(Action::UnescapeAndRedirect) => {
                path = unescaped;
                redirect = true;
            }
            Err(_) => return Err(unknown("what happens to escaped slashes")),
        }
    }
    if manager.normalize_path.unwrap_or(false) {
        path = canonical(&without_parameters(&path)).ok_or_else(failed)?;
    }
    if manager.merge_slashes {
        path = merge_slashes(&path);
    }
    let after = format!("{path}{query}");
    if redirect {
        let is_grpc = traffic
            .headers
            .first("content-type")
            .is_some_and(|it| it.starts_with("application/grpc"));
        return Err(if is_grpc {
            failed()
        } else {
            Outcome::Redirected { location: after }
        });
    }
    traffic.headers.set(":path", &after);
    Ok(())
}

/// `%2F` and `%5C` as what they stand for.
fn unescape_slashes(path: &str) -> String {
    let mut rest = path;
    let mut unescaped = String::with_capacity(path.len());
    while let Some((before, after)) = rest.split_once('%') {
        unescaped.push_str(before);
        let code = after.get(..2).map(str::to_ascii_uppercase);
        let slash = match code.as_deref() {
            Some("2F") => Some('/'),
            Some("5C") => Some('\\'),
            _ => None,
        };
        match (slash, after.get(2..)) {
            (Some(slash), Some(behind)) => {
                unescaped.push(slash);
                rest = behind;
            }
            _ => {
                unescaped.push('%');
                rest = after;
            }
        }
    }
    unescaped.push_str(rest);
    unescaped
}

/// Segments `.` and `..` without parameters behind `;`.
fn without_parameters(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        if segment.starts_with("..;") {
            ".."
        } else if segment.starts_with(".;") {
            "."
        } else {
            segment
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The path by RFC 3986, as Chromium's library does it: dot segments are resolved, letters that
/// need no escape lose it, others get it, `\` is `/`. `None` if Envoy refuses it.
fn canonical(path: &str) -> Option<String> {
    let mut letters = Letters::new(path)?;
    let mut out = String::with_capacity(path.len());
    while let Some(letter) = letters.next() {
        match letter {
            Letter::Dot if out.ends_with('/') => match letters.after_dot() {
                Dots::Name => out.push('.'),
                Dots::Here => {}
                Dots::Up => up(&mut out),
            },
            Letter::Dot => out.push('.'),
            Letter::Slash => out.push('/'),
            Letter::Plain(char) => out.push(char),
            Letter::Escaped(code) => out.push_str(&code),
        }
    }
    Some(out)
}

/// Removes the last segment; the path ends in a slash before and after.
fn up(out: &mut String) {
    out.pop();
    let end = out.rfind('/').unwrap_or(0);
    out.truncate(end);
    out.push('/');
}

/// A letter of a path.
#[derive(Clone, PartialEq, Eq)]
enum Letter {
    Dot,
    Slash,
    Plain(char),
    Escaped(String),
}

/// What one or two dots behind a slash are.
enum Dots {
    /// The beginning of a name.
    Name,
    /// The same segment.
    Here,
    /// The segment before.
    Up,
}

struct Letters {
    list: Vec<Letter>,
    next: usize,
}

impl Letters {
    /// `None` if there is an escaped NUL.
    fn new(path: &str) -> Option<Self> {
        let mut list = Vec::with_capacity(path.len());
        let mut rest = path;
        while let Some(char) = rest.chars().next() {
            let mut length = char.len_utf8();
            list.push(match (char, code(rest)) {
                ('%', Some(0)) => return None,
                ('%', Some(code)) => {
                    length = 3;
                    match char::from(code) {
                        '.' => Letter::Dot,
                        char if is_unreserved(char) => Letter::Plain(char),
                        _ => Letter::Escaped(rest.get(..3)?.to_owned()),
                    }
                }
                ('.', _) => Letter::Dot,
                ('/' | '\\', _) => Letter::Slash,
                (char, _) if needs_escape(char) => Letter::Escaped(
                    char.to_string()
                        .bytes()
                        .map(|it| format!("%{it:02X}"))
                        .collect(),
                ),
                (char, _) => Letter::Plain(char),
            });
            rest = rest.get(length..)?;
        }
        Some(Self { list, next: 0 })
    }

    fn next(&mut self) -> Option<Letter> {
        let letter = self.list.get(self.next)?.clone();
        self.next += 1;
        Some(letter)
    }

    /// Looks at what stands behind a dot, and takes what belongs to it.
    fn after_dot(&mut self) -> Dots {
        let ahead = |by: usize| self.list.get(self.next + by);
        let (dots, taken) = match (ahead(0), ahead(1)) {
            (None, _) => (Dots::Here, 0),
            (Some(Letter::Slash), _) => (Dots::Here, 1),
            (Some(Letter::Dot), None) => (Dots::Up, 1),
            (Some(Letter::Dot), Some(Letter::Slash)) => (Dots::Up, 2),
            _ => (Dots::Name, 0),
        };
        self.next += taken;
        dots
    }
}

/// The code of an escape sequence.
fn code(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        u8::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

fn is_unreserved(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '~')
}

fn needs_escape(char: char) -> bool {
    !char.is_ascii_graphic()
        || matches!(
            char,
            '"' | '#' | '<' | '>' | '?' | '^' | '`' | '{' | '|' | '}'
        )
}

/// Slashes in a row as one.
fn merge_slashes(path: &str) -> String {
    if !path.contains("//") {
        return path.to_owned();
    }
    let segments: Vec<_> = path.split('/').filter(|it| !it.is_empty()).collect();
    let before = if path.starts_with('/') { "/" } else { "" };
    let after = if path.ends_with('/') { "/" } else { "" };
    format!("{before}{}{after}", segments.join("/"))
}

#[cfg(test)]
mod tests;
