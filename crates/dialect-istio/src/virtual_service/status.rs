//! HTTP status codes of answers.

use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;

/// A status that Envoy can answer with, 200 to 599; `None` if it is another, which is an error.
pub(super) fn lower(status: i64, at: &Path<'_>, remarks: &mut Remarks) -> Option<u16> {
    match u16::try_from(status) {
        Ok(status @ 200..=599) => Some(status),
        _ => {
            remarks.error(
                at,
                "invalid-status",
                format!("HTTP status {status} is not in the range 200..599"),
            );
            None
        }
    }
}
