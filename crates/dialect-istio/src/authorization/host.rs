//! Hosts.

use ferromesh_api::istio::AuthorizationAction;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;

use super::values::Lists;

/// Warns of a host that is meant to be closed: `a.com` leaves `a.com:80` and `a.com.` open, by
/// which clients may call the same.
pub(super) fn warn_of_variants(
    hosts: Lists<'_>,
    action: AuthorizationAction,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let Some((field, values)) = hosts.closed_by(action) else {
        return;
    };
    let list = at.field(field);
    for (index, value) in values.iter().enumerate() {
        let is_open = !value.is_empty()
            && !value.ends_with('*')
            && !values.iter().any(|other| closes(other, value));
        if !is_open {
            continue;
        }
        let way_out = if value.starts_with('*') {
            "write what is allowed instead: a wildcard can't stand at both ends".to_owned()
        } else {
            format!("write \"{value}*\"")
        };
        remarks
            .warning(
                &list.item(index),
                "host-variants",
                format!("leaves \"{value}:80\" and \"{value}.\" open, by which clients may call the same host"),
            )
            .advise(way_out);
    }
}

/// Whether a host closes another one with a port and with a final dot.
fn closes(other: &str, value: &str) -> bool {
    other
        .strip_suffix('*')
        .is_some_and(|prefix| value.starts_with(prefix))
}
