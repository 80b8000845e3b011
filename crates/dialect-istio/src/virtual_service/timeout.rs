//! `timeout`.

use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::timeout::Timeout;

use crate::duration;

pub(super) fn lower(timeout: Option<&str>, at: &Path<'_>, remarks: &mut Remarks) -> Timeout {
    timeout
        .and_then(|text| duration::lower_millis(text, at, remarks))
        .map_or(Timeout::Unlimited, Timeout::After)
}
