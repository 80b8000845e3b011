//! Paths of URLs as people write them into probes and annotations.

use hyper::http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What can't stand in a path or a query as it is. What is encoded already stays.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Reads one as the kubelet and Prometheus do: it begins with a slash, written or not, what can't be sent is encoded,
/// and a fragment is nothing to ask for.
pub(super) fn read(text: &str) -> Option<PathAndQuery> {
    let text = text.split('#').next().unwrap_or_default();
    let slash = if text.starts_with('/') { "" } else { "/" };
    let encoded = utf8_percent_encode(text, ENCODED);
    format!("{slash}{encoded}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn whatever_is_written_can_be_asked_for() {
        for (written, asked) in [
            ("", "/"),
            ("up?x=1", "/up?x=1"),
            ("/a b/%20/ü", "/a%20b/%20/%C3%BC"),
            ("/x#y", "/x"),
            ("//other.example/x", "//other.example/x"),
            ("http://other.example/", "/http://other.example/"),
            ("/ HTTP/1.1\r\nx: y", "/%20HTTP/1.1%0D%0Ax:%20y"),
            ("/{a}|\"<b>\"", "/%7Ba%7D%7C%22%3Cb%3E%22"),
        ] {
            let read = read(written);
            assert_eq!(read.as_ref().map(|path| path.as_str()), Some(asked));
        }
    }
}
