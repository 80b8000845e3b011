//! A text into its documents, without parsing: `---` at the start of a line always begins a
//! document, whatever stands around it. So a fault ends one document only, and a document that is
//! too large costs nothing.

/// A part of the text that begins where a document does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    /// Its text.
    pub text: &'a str,
    /// How many lines stand before it.
    pub lines_before: usize,
}

/// Cuts before every `---` line. Directives (`%YAML 1.2`) and comments stay with the document
/// that they announce.
pub(super) fn split(text: &str) -> Vec<Chunk<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut chunks = Vec::new();
    let mut start = 0;
    let mut lines_before = 0;
    let mut has_content = false;
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if is_marker(line) && has_content {
            chunks.extend(chunk(text, start, at, lines_before));
            start = at;
            lines_before = number;
        }
        let bare = line.trim();
        has_content |= is_marker(line) || !(bare.is_empty() || line.starts_with(['%', '#']));
        at += line.len();
    }
    chunks.extend(chunk(text, start, at, lines_before));
    chunks
}

fn chunk(text: &str, start: usize, end: usize, lines_before: usize) -> Option<Chunk<'_>> {
    let text = text.get(start..end)?;
    Some(Chunk { text, lines_before })
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn cuts_at_markers_only() {
        for (text, expected) in [
            ("", vec![("", 0)]),
            ("a: 1\n", vec![("a: 1\n", 0)]),
            ("a\n---\nb", vec![("a\n", 0), ("---\nb", 1)]),
            (
                "---\na\n--- # c\nb",
                vec![("---\na\n", 0), ("--- # c\nb", 2)],
            ),
            ("---\n---\n", vec![("---\n", 0), ("---\n", 1)]),
            (
                "a: |\n  ---\n---x: 1\n",
                vec![("a: |\n  ---\n---x: 1\n", 0)],
            ),
            ("%YAML 1.2\n---\na", vec![("%YAML 1.2\n---\na", 0)]),
            (
                "# c\n\n---\r\na\r\n---\r\n",
                vec![("# c\n\n---\r\na\r\n", 0), ("---\r\n", 4)],
            ),
        ] {
            let chunks: Vec<_> = split(text)
                .into_iter()
                .map(|chunk| (chunk.text, chunk.lines_before))
                .collect();
            assert_eq!(chunks, expected, "{text:?}");
        }
    }
}
