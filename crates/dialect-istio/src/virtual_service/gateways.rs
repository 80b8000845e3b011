//! `gateways`: what a VirtualService, or a match of it, is bound to.

use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;

use crate::host;

/// The name by which the sidecars are meant.
pub(super) const MESH: &str = "mesh";

/// What a VirtualService is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    /// Sidecars, perhaps gateways, too.
    Mesh,
    /// Gateways only.
    Gateways,
}

/// Lowers `gateways` of a VirtualService at the path `at`.
pub(super) fn lower(gateways: &[String], at: &Path<'_>, remarks: &mut Remarks) -> Binding {
    check(gateways, at, remarks);
    if gateways.iter().any(|gateway| gateway != MESH) {
        remarks.warning(
            at,
            "no-effect-yet",
            "binding to a gateway has no effect yet",
        );
    }
    if gateways.is_empty() || gateways.iter().any(|gateway| gateway == MESH) {
        Binding::Mesh
    } else {
        Binding::Gateways
    }
}

/// Checks names of gateways in the list at the path `at`.
pub(super) fn check(gateways: &[String], at: &Path<'_>, remarks: &mut Remarks) {
    for (index, gateway) in gateways.iter().enumerate() {
        check_name(gateway, &at.item(index), remarks);
    }
}

fn check_name(gateway: &str, at: &Path<'_>, remarks: &mut Remarks) {
    const CODE: &str = "invalid-gateway";
    let Some((namespace, name)) = gateway.split_once('/') else {
        if let Err(message) = host::check_name(gateway) {
            remarks.error(at, CODE, message);
        } else if let Some((name, rest)) = gateway.split_once('.') {
            let namespace = rest.split('.').next().unwrap_or(rest);
            remarks
                .warning(
                    at,
                    "deprecated-value",
                    format!("{gateway:?} names a gateway in a legacy form"),
                )
                .advise(format!("write \"{namespace}/{name}\""));
        }
        return;
    };
    if !host::is_label(namespace) || !host::is_label(name) {
        remarks
            .error(at, CODE, format!("invalid name of a gateway {gateway:?}"))
            .advise("write NAMESPACE/NAME");
    }
}
