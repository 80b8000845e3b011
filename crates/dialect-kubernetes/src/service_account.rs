//! Service accounts. A workload names its own; the object adds nothing to that name.

use ferromesh_api::Object;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::diagnostic::Remarks;
use k8s_openapi::api::core::v1::ServiceAccount;

use crate::{faults, metadata};

/// Lowers a ServiceAccount.
pub fn lower(object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    faults::read_object::<ServiceAccount>(object, remarks);
    metadata::remark_without_effect(object, &[], remarks);
    Vec::new()
}
