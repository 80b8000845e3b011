//! Mesh configuration, which is no Kubernetes object of its own: it becomes one.

use serde_json::{Value, json};

use crate::yaml;

/// The group of the object that mesh configuration becomes.
pub const GROUP: &str = "mesh.istio.io";
/// The version of the object that mesh configuration becomes.
pub const VERSION: &str = "v1alpha1";
/// The kind of the object that mesh configuration becomes: its `spec` is the configuration, its
/// name is [`NAME`], and it has no namespace.
pub const KIND: &str = "MeshConfig";
/// The name of the object that mesh configuration becomes.
pub const NAME: &str = "mesh";
/// Where its text stands in a ConfigMap.
pub const FIELD: &str = "data.mesh";

/// The object.
pub fn object(spec: Value) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": KIND,
        "metadata": {"name": NAME},
        "spec": spec,
    })
}

/// The object of the text in a ConfigMap, if that is readable. What faults say of the object
/// before them is that it is this one.
pub fn read(text: &str) -> (Option<Value>, Vec<yaml::Fault>) {
    let yaml::Documents { documents, faults } = yaml::read(text);
    let content = documents
        .into_iter()
        .next()
        .map(|first| object(first.content));
    let of_it = |fault: yaml::Fault| yaml::Fault {
        before: object(Value::Null),
        ..fault
    };
    (content, faults.into_iter().map(of_it).collect())
}
