//! Destinations.

use ferromesh_api as api;
use ferromesh_mesh::decl::http_routes::Destination;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::{Namespace, SubsetName};
use ferromesh_mesh::path::Path;

use crate::{host, port};

/// Lowers a destination; unsound parts are errors.
pub(super) fn lower(
    destination: &api::istio::Destination,
    namespace: &Namespace,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Destination {
    let api::istio::Destination {
        host,
        subset,
        port: selector,
    } = destination;
    check_host(host, &at.field("host"), remarks);
    if !subset.is_empty() && !host::is_label(subset) {
        remarks.error(
            &at.field("subset"),
            "invalid-subset",
            format!("invalid subset name {subset:?}"),
        );
    }
    let port = selector.as_ref().and_then(|selector| {
        let api::istio::PortSelector { number } = selector;
        port::lower(*number, &at.field("port").field("number"), remarks)
    });
    Destination {
        host: host::expand(host, namespace.as_str()),
        subset: (!subset.is_empty()).then(|| SubsetName::from(subset.as_str())),
        port,
        origin: remarks.origin(at),
    }
}

fn check_host(host: &str, at: &Path<'_>, remarks: &mut Remarks) {
    let message = match host::check_pattern(host) {
        Ok(()) if host == "*" => "\"*\" is no destination".to_owned(),
        Ok(()) => return,
        Err(message) => message,
    };
    let remark = remarks.error(at, "invalid-host", message);
    if host::is_address(host) {
        remark.advise("write a ServiceEntry for the address, and its host here");
    }
}
