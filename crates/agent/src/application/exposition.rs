//! Prometheus' text format, as far as one has to know it to put an application's metrics among others: a single line that
//! Prometheus can't read would cost all of them.

use bytes::Bytes;

/// Which of the formats an application speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Prometheus' own.
    Text,
    /// OpenMetrics, which says more: exemplars, times in seconds, further types, and where the end is.
    OpenMetrics,
}

impl Dialect {
    /// The one that a content type names.
    pub(super) fn of(content_type: &str) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }
}

/// The types that Prometheus' own format knows.
const TYPES: [&str; 5] = ["counter", "gauge", "histogram", "summary", "untyped"];

/// The parts of the text that can stand among others in Prometheus' own format, each with whole lines.
///
/// # Errors
/// When a line is no metric, which one.
pub(super) fn parts(text: &Bytes, dialect: Dialect) -> Result<Vec<Bytes>, String> {
    let read = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut parts = Vec::new();
    let (mut begin, mut at) = (0, 0);
    for (index, whole) in read.split_inclusive('\n').enumerate() {
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        let kept = match Line::read(line, dialect) {
            Line::Whole if whole.len() > line.len() => None,
            Line::Whole => Some(line.len()),
            Line::Beginning(length) => Some(length),
            Line::Nothing => Some(0),
            Line::End => {
                parts.push(text.slice(begin..at));
                return Ok(parts);
            }
            Line::Unreadable => return Err(format!("line {} is no metric", index + 1)),
        };
        if let Some(length) = kept {
            parts.push(text.slice(begin..at + length));
            parts.extend((length > 0).then(|| Bytes::from_static(b"\n")));
            begin = at + whole.len();
        }
        at += whole.len();
    }
    parts.push(text.slice(begin..at));
    Ok(parts)
}

/// What becomes of a line.
enum Line {
    /// It stays.
    Whole,
    /// So much of it stays.
    Beginning(usize),
    /// It goes.
    Nothing,
    /// Nothing comes after it.
    End,
    /// It is none.
    Unreadable,
}

impl Line {
    fn read(line: &str, dialect: Dialect) -> Self {
        let trimmed = line.trim_matches([' ', '\t']);
        if trimmed.is_empty() {
            Self::Whole
        } else if let Some(comment) = trimmed.strip_prefix('#') {
            Self::comment(comment)
        } else {
            Self::sample(line, dialect).unwrap_or(Self::Unreadable)
        }
    }

    fn comment(text: &str) -> Self {
        if text.contains('\r') {
            return Self::Nothing;
        }
        let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
        match words.next() {
            Some("EOF") => Self::End,
            Some("TYPE") => match (words.next(), words.next(), words.next()) {
                (Some(name), Some(kind), None) if is_name(name) && TYPES.contains(&kind) => {
                    Self::Whole
                }
                _ => Self::Nothing,
            },
            Some("HELP") if !words.next().is_some_and(is_name) => Self::Nothing,
            _ => Self::Whole,
        }
    }

    /// NAME{LABELS} VALUE [TIME] [# EXEMPLAR]
    fn sample(line: &str, dialect: Dialect) -> Option<Self> {
        let rest = space(line);
        let (name, rest) = rest.split_at(length_of(rest, |byte| is_word(byte) || byte == b':'));
        let rest = space(rest);
        let rest = match rest.strip_prefix('{') {
            Some(labels) => labels_end(labels)?,
            None if name.is_empty() => return None,
            None => rest,
        };
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let rest = space(rest);
        let (value, rest) = rest.split_at(length_of(rest, |byte| !matches!(byte, b' ' | b'\t')));
        value.parse::<f64>().ok()?;
        let after_value = line.len() - rest.len();
        let rest = space(rest);
        if dialect == Dialect::OpenMetrics {
            return Some(if rest.is_empty() {
                Self::Whole
            } else {
                Self::Beginning(after_value)
            });
        }
        let (time, rest) = rest.split_at(length_of(rest, |byte| !matches!(byte, b' ' | b'\t')));
        if !time.is_empty() {
            time.parse::<i64>().ok()?;
        }
        space(rest).is_empty().then_some(Self::Whole)
    }
}

/// What comes after labels, from the first of them.
fn labels_end(mut rest: &str) -> Option<&str> {
    loop {
        rest = space(rest);
        if let Some(after) = rest.strip_prefix('}') {
            return Some(after);
        }
        // The name of a metric may stand here, too, between quotes.
        let (after, is_quoted) = match rest.strip_prefix('"') {
            Some(quoted) => (quote_end(quoted)?, true),
            None => (rest.split_at(length_of(rest, is_word)).1, false),
        };
        if after.len() == rest.len() || rest.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        rest = space(after);
        rest = match rest.strip_prefix('=') {
            Some(value) => space(quote_end(space(value).strip_prefix('"')?)?),
            None if is_quoted => rest,
            None => return None,
        };
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None if rest.starts_with('}') => {}
            None => return None,
        }
    }
}

/// What comes after a quoted text, from its first letter.
fn quote_end(text: &str) -> Option<&str> {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return text.get(index + 1..),
            _ => {}
        }
    }
    None
}

fn space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

fn length_of(text: &str, is_part: impl Fn(u8) -> bool) -> usize {
    let end = text.bytes().position(|byte| !is_part(byte));
    end.unwrap_or(text.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| is_word(byte) || byte == b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, dialect: Dialect) -> Result<String, String> {
        let parts = parts(&Bytes::copy_from_slice(text.as_bytes()), dialect)?;
        Ok(String::from_utf8(parts.concat()).unwrap())
    }

    #[test]
    fn metrics_stay_as_they_are() {
        for text in [
            "",
            "up 1\n",
            "# HELP a:b what, \"it\" is\n# TYPE a:b histogram\n\na:b{le=\"+Inf\",x=\"a\\\"}b\", } 1e+06 1395066363000\n",
            "a NaN\na{} -Inf\n  b\t{ x = \"\" }  0x\n",
            "{\"http.requests\", path=\"/ä\"} 3\n# free comment\n# UNIT a seconds\n",
        ] {
            let text = text.replace("0x", "0");
            assert_eq!(read(&text, Dialect::Text).as_deref(), Ok(text.as_str()));
        }
        assert_eq!(read("up 1", Dialect::Text).as_deref(), Ok("up 1\n"));
    }

    #[test]
    fn open_metrics_become_prometheus_own() {
        let text = "# TYPE a counter\na_total{x=\"1\"} 5 1.5e9 # {trace=\"t\"} 0.7 1.5e9\n# TYPE b info\nb_info{v=\"1\"} 1\nc 2 1520879607\n# EOF\nd 1\n";
        let expected = "# TYPE a counter\na_total{x=\"1\"} 5\nb_info{v=\"1\"} 1\nc 2\n";
        assert_eq!(read(text, Dialect::OpenMetrics).as_deref(), Ok(expected));
        assert_eq!(read("a 1\n# EOF", Dialect::Text).as_deref(), Ok("a 1\n"));
        let kind = "application/openmetrics-text; version=1.0.0";
        assert_eq!(Dialect::of(kind), Dialect::OpenMetrics);
        assert_eq!(Dialect::of("text/plain"), Dialect::Text);
    }

    #[test]
    fn anything_else_is_no_metric() {
        for text in [
            "<html>\n",
            "a\n",
            "a b\n",
            "1a 1\n",
            "a{x=1} 1\n",
            "a{x=\"1} 1\n",
            "a{x=\"1\" y=\"2\"} 1\n",
            "a{=\"1\"} 1\n",
            "a 1 2 3\n",
            "a 1 2.5\n",
            "a 1\r\n",
            "{ 1\n",
            "{\"status\":\"ok\"}\n",
        ] {
            assert!(read(text, Dialect::Text).is_err(), "{text:?}");
        }
        assert!(parts(&Bytes::from_static(b"a{x=\"\xff\"} 1\n"), Dialect::Text).is_err());
    }
}
