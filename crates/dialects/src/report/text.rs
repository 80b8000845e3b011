//! Remarks as the text of a condition: the same for the same remarks, and of bounded length.

use std::collections::BTreeSet;

use ferromesh_mesh::diagnostic::Diagnostic;

/// So many remarks are told; `analyze` tells all.
const TOLD: usize = 4;

/// So many bytes of each.
const LENGTH: usize = 400;

/// Remarks, with the fields that they are about and a way out.
pub(super) fn joined(remarks: &[&Diagnostic]) -> String {
    all(remarks.iter().map(|remark| {
        let Diagnostic {
            severity: _,
            code: _,
            object: _,
            path,
            message,
            hint,
        } = remark;
        let hint = hint.as_ref().map(|hint| format!(" ({hint})"));
        at(path, message) + &hint.unwrap_or_default()
    }))
}

/// What proxies said; not which ones, as they come and go.
pub(super) fn words(refusals: &[&Diagnostic]) -> String {
    all(refusals.iter().map(|refusal| {
        let words = refusal.message.split_once(": ");
        let words = words.map_or(&*refusal.message, |(_, words)| words);
        at(&refusal.path, &format!("a proxy refuses this: {words}"))
    }))
}

fn at(path: &str, message: &str) -> String {
    if path.is_empty() {
        message.to_owned()
    } else {
        format!("{path}: {message}")
    }
}

fn all(lines: impl Iterator<Item = String>) -> String {
    let mut seen = BTreeSet::new();
    let lines: Vec<_> = lines
        .map(|line| shortened(&line))
        .filter(|line| seen.insert(line.clone()))
        .collect();
    let mut text = lines[..lines.len().min(TOLD)].join("; ");
    if lines.len() > TOLD {
        text = format!("{text}; and {} more", lines.len() - TOLD);
    }
    text
}

fn shortened(line: &str) -> String {
    if line.len() <= LENGTH {
        return line.to_owned();
    }
    format!("{}…", &line[..line.floor_char_boundary(LENGTH)])
}
