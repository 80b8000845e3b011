//! Nodes: where they are.

use std::sync::Arc;

use ferromesh_api::Object;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::decl::node::Node;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::NodeName;
use k8s_openapi::api::core::v1;

use crate::{faults, locality};

/// Lowers a Node.
pub fn lower(object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    if faults::read_object::<v1::Node>(object, remarks).is_none() {
        return Vec::new();
    }
    vec![Declaration::Node(Arc::new(Node {
        name: NodeName::from(&*object.metadata.name),
        locality: locality::of_node(&object.metadata.labels),
    }))]
}
