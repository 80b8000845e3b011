//! Port numbers.

use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;

/// A port number; `None` if it isn't 1 to 65535, which is an error.
pub fn lower(number: u32, at: &Path<'_>, remarks: &mut Remarks) -> Option<u16> {
    match u16::try_from(number) {
        Ok(port) if port > 0 => Some(port),
        _ => {
            remarks.error(
                at,
                "invalid-port",
                format!("port {number} must be in the range 1..65535"),
            );
            None
        }
    }
}
