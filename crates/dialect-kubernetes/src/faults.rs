//! Faults in the form of an object become remarks.

use ferromesh_api::Object;
use ferromesh_api::read::{Fault, FaultKind, read};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use serde::de::DeserializeOwned;

/// Reads a whole object as one of Kubernetes' types. `None` if it is unreadable.
pub fn read_object<T: DeserializeOwned>(object: &Object, remarks: &mut Remarks) -> Option<T> {
    let (value, faults) = read(&object.content, "");
    remark(faults, remarks);
    value
}

/// Faults become errors. Unknown fields of a status are warnings: nobody writes one by hand, and
/// a newer API server may know more of them.
pub fn remark(faults: Vec<Fault>, remarks: &mut Remarks) {
    for Fault {
        kind,
        path,
        message,
    } in faults
    {
        let at = Path::Root(&path);
        match kind {
            FaultKind::UnknownField if path.starts_with("status.") => {
                remarks.warning(&at, "unknown-field", message)
            }
            FaultKind::UnknownField => remarks.error(&at, "unknown-field", message),
            FaultKind::WrongType => remarks.error(&at, "wrong-type", message),
            FaultKind::Missing => remarks.error(&at, "missing-field", message),
        };
    }
}
