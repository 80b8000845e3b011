//! Fields that are read and validated, and have no effect.

use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;

/// The field will have an effect in a later version of Ferromesh.
pub fn not_yet(at: &Path<'_>, remarks: &mut Remarks) {
    remarks.warning(at, "no-effect-yet", "has no effect yet in Ferromesh");
}

/// The field has no effect, in Istio as here, for this reason.
pub fn none(at: &Path<'_>, reason: &str, remarks: &mut Remarks) {
    remarks.warning(at, "no-effect", format!("has no effect: {reason}"));
}

/// The field is deprecated; `instead` says what to write.
pub fn deprecated(at: &Path<'_>, instead: &str, remarks: &mut Remarks) {
    remarks
        .warning(at, "deprecated-field", "is deprecated")
        .advise(instead);
}

/// The field and another one of the same object exclude each other.
pub fn conflict(at: &Path<'_>, other: &str, remarks: &mut Remarks) {
    remarks.error(
        at,
        "conflicting-fields",
        format!("must not be written together with {other}"),
    );
}
