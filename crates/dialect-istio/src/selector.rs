//! Labels and selectors.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::decl::{Labels, Selector};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;

use crate::host;

/// Labels as Kubernetes allows them, at the path `at` (the map); unsound ones are errors, and
/// are kept: a selector must not become wider because a part of it is unsound.
pub fn lower_labels(
    labels: &BTreeMap<String, String>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Labels {
    for (key, value) in labels {
        if let Err(message) = check_label(key, value) {
            remarks.error(&at.field(key), "invalid-label", message);
        }
    }
    copy(labels)
}

/// A `workloadSelector.labels`, at the path `at` (the map).
pub fn lower(labels: &BTreeMap<String, String>, at: &Path<'_>, remarks: &mut Remarks) -> Selector {
    for (key, value) in labels {
        let message = if key.is_empty() {
            "a label must have a name"
        } else if key.contains('*') || value.contains('*') {
            "wildcards are not supported in selectors"
        } else {
            continue;
        };
        remarks.error(&at.field(key), "invalid-selector", message);
    }
    if labels.is_empty() {
        remarks.warning(
            at,
            "empty-selector",
            "a selector without labels selects every workload in the namespace",
        );
    }
    Selector(copy(labels))
}

fn copy(labels: &BTreeMap<String, String>) -> Labels {
    labels
        .iter()
        .map(|(key, value)| (Arc::from(key.as_str()), Arc::from(value.as_str())))
        .collect()
}

fn check_label(key: &str, value: &str) -> Result<(), String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let prefix_is_sound =
        prefix.is_none_or(|prefix| prefix.len() <= 253 && prefix.split('.').all(host::is_label));
    if !prefix_is_sound || !is_qualified(name) || name.len() > 63 {
        return Err(format!("invalid label name {key:?}"));
    }
    if !value.is_empty() && !is_qualified(value) {
        return Err(format!("invalid label value {value:?}"));
    }
    Ok(())
}

/// Letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.
fn is_qualified(text: &str) -> bool {
    let end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    end(text.bytes().next())
        && end(text.bytes().next_back())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
