//! `exportTo`.

use std::collections::BTreeSet;

use ferromesh_mesh::decl::{Export, Visibility};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::path::Path;

use crate::host;

/// Whether a kind may be exported to nobody (`~`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nobody {
    /// It may: ServiceEntry.
    Allowed,
    /// It may not: the others.
    Refused,
}

/// Lowers `exportTo`, which stands at the path `at` (the list); `author` is the object's
/// namespace. Unsound entries are errors and count as not written; if nothing else was written,
/// only the author may see the object.
pub fn lower(
    list: &[String],
    author: &Namespace,
    nobody: Nobody,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Export {
    const CODE: &str = "invalid-export";
    if list.is_empty() {
        return Export::MeshDefault;
    }
    let mut seen = BTreeSet::new();
    let mut namespaces = BTreeSet::new();
    let mut unsound = false;
    for (index, entry) in list.iter().enumerate() {
        let at = at.item(index);
        let namespace = match entry.as_str() {
            "." => author.as_str(),
            other => other,
        };
        if !seen.insert(namespace) {
            remarks.error(&at, CODE, format!("{entry:?} is exported to twice"));
        } else if namespace == "*" || (namespace == "~" && nobody == Nobody::Allowed) {
            if list.len() > 1 {
                remarks.error(&at, CODE, format!("{entry:?} must be the only entry"));
            }
        } else if host::is_label(namespace) {
            namespaces.insert(Namespace::from(namespace));
        } else {
            unsound = true;
            remarks
                .error(&at, CODE, format!("invalid namespace {entry:?}"))
                .advise("write \".\" (this namespace), \"*\" (all) or the name of a namespace");
        }
    }
    if namespaces.is_empty() && unsound {
        namespaces.insert(author.clone());
    }
    // Of contradicting entries the narrower ones count.
    if namespaces.is_empty() && seen.contains("*") && !seen.contains("~") {
        Export::To(Visibility::All)
    } else {
        Export::To(Visibility::Only(namespaces))
    }
}
