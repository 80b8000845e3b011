//! Who may see a Service: the annotation `networking.istio.io/exportTo`.

use std::collections::BTreeSet;

use ferromesh_api::Object;
use ferromesh_mesh::decl::{Export, Visibility};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::path::Path;

/// Lowers the annotation: namespaces, `.`, `*` or `~`, separated by commas.
pub(super) fn lower(object: &Object, annotation: &str, remarks: &mut Remarks) -> Export {
    let Some(text) = object.metadata.annotations.get(annotation) else {
        return Export::MeshDefault;
    };
    let metadata = Path::Root("metadata");
    let annotations = metadata.field("annotations");
    let mut namespaces = BTreeSet::new();
    let mut is_empty = true;
    for entry in text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
    {
        is_empty = false;
        match entry {
            "*" => return Export::To(Visibility::All),
            "." => {
                namespaces.insert(Namespace::from(&*object.metadata.namespace));
            }
            "~" => {}
            name if is_namespace(name) => {
                namespaces.insert(Namespace::from(name));
            }
            name => {
                remarks
                    .warning(&annotations.field(annotation), "invalid-export", format!("invalid namespace {name:?}"))
                    .advise("write \".\" (this namespace), \"*\" (all), \"~\" (nobody) or names of namespaces");
            }
        }
    }
    if is_empty {
        return Export::MeshDefault;
    }
    Export::To(Visibility::Only(namespaces))
}

/// A DNS label.
fn is_namespace(text: &str) -> bool {
    text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
