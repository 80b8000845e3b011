//! Headers between a proxy and an authorizer.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::authorization::TextMatch;

use crate::header_name::is_token;
use crate::header_value;

/// Names of headers, or `abc*`, or `*abc`; without regard to case.
pub(super) fn patterns(list: &[String], at: &Path<'_>, remarks: &mut Remarks) -> Vec<TextMatch> {
    let mut patterns = Vec::with_capacity(list.len());
    for (index, text) in list.iter().enumerate() {
        match pattern(text) {
            Some(pattern) => patterns.push(pattern),
            None => {
                remarks
                    .error(
                        &at.item(index),
                        "invalid-header",
                        format!("{text:?} can't match the name of a header"),
                    )
                    .advise("write a name, a prefix (\"x-*\") or a suffix (\"*-id\"); \"*\" alone is not supported");
            }
        }
    }
    patterns
}

fn pattern(text: &str) -> Option<TextMatch> {
    let text = text.to_ascii_lowercase();
    let (name, pattern): (_, fn(Arc<str>) -> TextMatch) =
        match (text.strip_prefix('*'), text.strip_suffix('*')) {
            (Some(suffix), _) => (suffix, TextMatch::Suffix),
            (None, Some(prefix)) => (prefix, TextMatch::Prefix),
            (None, None) => (&*text, TextMatch::Exact),
        };
    let bare = name.strip_prefix(':').unwrap_or(name);
    (is_token(bare) && !bare.contains('*')).then(|| pattern(Arc::from(name)))
}

/// Headers that are added to what the authorizer gets.
pub(super) fn added(
    headers: &BTreeMap<String, String>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<(Arc<str>, Arc<str>)> {
    let mut added = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let at = at.field(name);
        let message = if !is_token(name) {
            format!("{name:?} can't be the name of a header")
        } else if let Err(message) = header_value::check(value) {
            message
        } else {
            added.push((Arc::from(name.as_str()), Arc::from(value.as_str())));
            continue;
        };
        remarks.error(&at, "invalid-header", message);
    }
    added
}
