//! Namespaces. What they say to the mesh (injection, discovery) is for whoever injects and
//! discovers: nothing of it is a declaration.

use ferromesh_api::Object;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::diagnostic::Remarks;
use k8s_openapi::api::core::v1::Namespace;

use crate::{faults, metadata};

/// Lowers a Namespace.
pub fn lower(object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    faults::read_object::<Namespace>(object, remarks);
    metadata::remark_without_effect(object, &[], remarks);
    Vec::new()
}
