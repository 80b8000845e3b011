//! Documents into objects, the same wherever they come from.

use ferromesh_api::read::{Fault, FaultKind};
use ferromesh_api::{Object, Scope, scope, timestamp};
use serde_json::Value;

/// Takes a document apart; an object that says no namespace and needs one gets the default one.
pub(crate) fn read(content: Value, default_namespace: &str) -> Result<Object, Fault> {
    let mut object = Object::new(content)?;
    match scope(object.group(), &object.kind) {
        Scope::Cluster => object.metadata.namespace.clear(),
        Scope::Namespaced if object.metadata.namespace.is_empty() => {
            default_namespace.clone_into(&mut object.metadata.namespace);
        }
        Scope::Namespaced => {}
    }
    if !object.metadata.creation_timestamp.is_empty() {
        object.metadata.creation_timestamp =
            timestamp::normalise(&object.metadata.creation_timestamp).map_err(|message| {
                Fault::new(FaultKind::WrongType, "metadata.creationTimestamp", message)
            })?;
    }
    Ok(object)
}

/// The code of a fault.
pub(crate) fn code(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::UnknownField => "unknown-field",
        FaultKind::WrongType => "wrong-type",
        FaultKind::Missing => "missing-field",
    }
}
