//! Paths, as Istio's documentation of path normalisation describes them.

/// How paths are normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalization {
    /// Not at all.
    None,
    /// By RFC 3986; `\` becomes `/`.
    Base,
    /// Also `//` becomes `/`.
    MergeSlashes,
    /// Also `%2f` and `%5c` are decoded before.
    DecodeAndMergeSlashes,
}

/// The path after normalisation; `None` if it is refused.
pub(super) fn normalized(path: &str, how: Normalization) -> Option<String> {
    // A fragment never belongs to a request, and a request is always for some path: Envoy refuses others.
    if path.contains('#') || path.contains('\0') || !path.starts_with('/') {
        return None;
    }
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path.to_owned(), format!("?{query}")),
        None => (path.to_owned(), String::new()),
    };
    if how == Normalization::None {
        return Some(path + &query);
    }
    let mut path = path;
    if how == Normalization::DecodeAndMergeSlashes {
        for (written, meant) in [("%2f", "/"), ("%2F", "/"), ("%5c", "\\"), ("%5C", "\\")] {
            path = path.replace(written, meant);
        }
    }
    let path = without_dots(&decoded(&path.replace('\\', "/"))?);
    Some(
        match how {
            Normalization::None | Normalization::Base => path,
            Normalization::MergeSlashes | Normalization::DecodeAndMergeSlashes => merged(&path),
        } + &query,
    )
}

/// Escapes of unreserved characters are decoded; the case of the others stays, as Envoy documents. `None` for `%00`.
fn decoded(path: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let (before, tail) = rest.split_at(at);
        text.push_str(before);
        let Some(byte) = tail
            .get(1..3)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
        else {
            text.push('%');
            rest = &tail[1..];
            continue;
        };
        match byte {
            0 => return None,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte))
            }
            _ => text.push_str(&tail[..3]),
        }
        rest = &tail[3..];
    }
    text.push_str(rest);
    Some(text)
}

/// Dot segments are resolved; above the root is the root.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let last = segments.len() - 1;
    for (index, segment) in segments.iter().enumerate() {
        match *segment {
            "." | ".." => {
                if *segment == ".." {
                    kept.pop();
                }
                if index == last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

fn merged(path: &str) -> String {
    let mut text = String::new();
    for character in path.chars() {
        if character != '/' || !text.ends_with('/') {
            text.push(character);
        }
    }
    text
}

/// `{*}` is one segment, `{**}` any number of them behind the slash that stands before it: `/a/{**}` is `/a/` and all below,
/// and not `/a`.
pub(super) fn matches_template(path: &str, template: &str) -> bool {
    let path: Vec<&str> = path.split('/').collect();
    let template: Vec<&str> = template.split('/').collect();
    matches_segments(&path, &template)
}

fn matches_segments(path: &[&str], template: &[&str]) -> bool {
    match template.split_first() {
        None => path.is_empty(),
        Some((&"{**}", rest)) => {
            (1..=path.len()).any(|taken| matches_segments(&path[taken..], rest))
        }
        Some((&"{*}", rest)) => path
            .split_first()
            .is_some_and(|(segment, tail)| !segment.is_empty() && matches_segments(tail, rest)),
        Some((literal, rest)) => path
            .split_first()
            .is_some_and(|(segment, tail)| segment == literal && matches_segments(tail, rest)),
    }
}
