//! Any object into a unit.

use std::sync::Arc;

use ferromesh_api::{Key, Object, Scope, scope};
use ferromesh_dialect_kubernetes::metadata;
use ferromesh_mesh::closest::closest;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::origin::ObjectRef;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::unit::Unit;
use serde_json::json;

use crate::hint;
use crate::kinds::{KINDS, Kind, Treatment, find};

/// All that an object says. Never fails: what nobody understands is said in the diagnostics.
pub fn lower(object: &Object) -> Unit {
    let reference = Arc::new(object_ref(&object.key()));
    let mut remarks = Remarks::new(reference.clone());
    let known = find(object.group(), &object.kind);
    let declarations = match known {
        Some(kind) => lower_known(kind, object, &mut remarks),
        None => {
            remark_unknown(object, &mut remarks);
            Vec::new()
        }
    };
    let mut diagnostics = remarks.into_list();
    for diagnostic in &mut diagnostics {
        if diagnostic.hint.is_none() {
            diagnostic.hint = hint::hint(object, diagnostic);
        }
    }
    Unit {
        object: reference,
        declarations,
        diagnostics,
    }
}

/// What holds if nobody says anything else: to be given to every compiler before all objects.
pub fn default_units() -> Vec<Unit> {
    // The first mesh configuration by name rules, and no object can have this name.
    const LAST: &str = "~default";
    let content = json!({
        "apiVersion": "mesh.istio.io/v1alpha1",
        "kind": "MeshConfig",
        "metadata": {"name": LAST},
    });
    Object::new(content).iter().map(lower).collect()
}

/// The identity of an object in mesh words.
pub fn object_ref(key: &Key) -> ObjectRef {
    let Key {
        group,
        kind,
        namespace,
        name,
    } = key.clone();
    ObjectRef {
        group,
        kind,
        namespace,
        name,
    }
}

fn lower_known(kind: &Kind, object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    let is_served = kind.versions.is_empty() || kind.versions.contains(&object.version());
    if !is_served {
        let served: Vec<_> = kind
            .versions
            .iter()
            .map(|version| match kind.group {
                "" => (*version).to_owned(),
                group => format!("{group}/{version}"),
            })
            .collect();
        let message = format!("{} is not served as {:?}", kind.kind, object.api_version);
        remarks
            .error(&Path::Root("apiVersion"), "unserved-version", message)
            .advise(format!("write {}", served.join(" or ")));
        return Vec::new();
    }
    check_scope(object, remarks);
    match kind.treatment {
        Treatment::Whole(lower) => lower(object, remarks),
        Treatment::Spec(lower) => {
            metadata::check(object, remarks);
            check_fields(object, remarks);
            lower(object, remarks)
        }
        Treatment::NotYet => {
            metadata::check(object, remarks);
            remarks.warning(
                &Path::Root("kind"),
                "no-effect-yet",
                format!("{} has no effect yet in Ferromesh", kind.kind),
            );
            Vec::new()
        }
        // Manifests of a whole application are full of them.
        Treatment::Nothing(reason) => {
            remarks.info(
                &Path::Root("kind"),
                "no-effect",
                format!("{} has no effect: {reason}", kind.kind),
            );
            Vec::new()
        }
    }
}

/// An object without a namespace has got one already, where it needs one.
fn check_scope(object: &Object, remarks: &mut Remarks) {
    let written = object
        .content
        .pointer("/metadata/namespace")
        .is_some_and(|namespace| namespace.as_str() != Some(""));
    if written && scope(object.group(), &object.kind) == Scope::Cluster {
        let metadata = Path::Root("metadata");
        remarks.error(
            &metadata.field("namespace"),
            "wrong-scope",
            format!(
                "{} belongs to the cluster and has no namespace",
                object.kind
            ),
        );
    }
}

fn check_fields(object: &Object, remarks: &mut Remarks) {
    const KNOWN: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
    for field in object
        .content
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys())
    {
        if !KNOWN.contains(&&**field) {
            let remark = remarks.error(
                &Path::Root("").field(field),
                "unknown-field",
                "unknown field",
            );
            match closest(field, KNOWN) {
                Some(known) => remark.advise(format!("did you mean {known:?}?")),
                None => remark.advise("everything that the object says stands below \"spec\""),
            }
        }
    }
}

fn remark_unknown(object: &Object, remarks: &mut Remarks) {
    let (group, kind) = (object.group(), &*object.kind);
    let message = format!(
        "no kind {kind:?} is known in {:?}: it has no effect",
        object.api_version
    );
    let remark = remarks.warning(&Path::Root("kind"), "unknown-kind", message);
    let of_group = KINDS.iter().filter(|known| known.group == group);
    let elsewhere = KINDS.iter().find(|known| known.kind == kind);
    if let Some(meant) = closest(kind, of_group.map(|known| known.kind)) {
        remark.advise(format!("did you mean {meant:?}?"));
    } else if let Some(meant) = elsewhere {
        let version = meant.versions.first().copied().unwrap_or("v1");
        remark.advise(match meant.group {
            "" => format!("did you mean apiVersion: {version}?"),
            group => format!("did you mean apiVersion: {group}/{version}?"),
        });
    }
}
