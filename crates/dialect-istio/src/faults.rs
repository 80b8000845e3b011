//! Faults in the form of an object become remarks.

use ferromesh_api::part::Part;
use ferromesh_api::read::{Fault, FaultKind};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a `T` from JSON that stands at the path `at`; faults become errors. `None` if it is
/// unreadable.
pub fn read<T: DeserializeOwned>(value: &Value, at: &Path<'_>, remarks: &mut Remarks) -> Option<T> {
    let (value, faults) = ferromesh_api::read::read(value, &at.to_string());
    remark(&faults, remarks);
    value
}

/// Reads a part of an object that stands at the path `at`; faults become errors. `None` if it is
/// unreadable or `null`.
pub fn read_part<T: DeserializeOwned>(
    part: &Part<T>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<T> {
    let (value, faults) = part.read(&at.to_string());
    remark(&faults, remarks);
    value
}

/// Faults become errors.
pub fn remark(faults: &[Fault], remarks: &mut Remarks) {
    for Fault {
        kind,
        path,
        message,
    } in faults
    {
        let code = match kind {
            FaultKind::UnknownField => "unknown-field",
            FaultKind::WrongType => "wrong-type",
            FaultKind::Missing => "missing-field",
        };
        remarks.error(&Path::Root(path), code, message.as_str());
    }
}
