//! Services of one name, and Sidecars that never count.

use ferromesh_mesh::decl::mesh_config::MeshConfig;
use ferromesh_mesh::decl::service::Service;
use ferromesh_mesh::decl::sidecar::Sidecar;
use ferromesh_mesh::diagnostic::Diagnostic;

use super::{sees, warn};
use crate::identity::DeclId;
use crate::index::reading::Reading;

/// Checks whether another service of the same name takes precedence where the author lives.
pub(super) fn check(
    id: &DeclId,
    service: &Service,
    mesh: &MeshConfig,
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    let first = reading
        .services(&service.host)
        .take_while(|(rank, _)| rank.seniority.id != *id)
        .find(|(_, other)| {
            sees(
                &service.namespace,
                &other.namespace,
                &other.export,
                &mesh.service_export,
            )
        });
    if let Some((rank, _)) = first {
        let message = format!(
            "{} takes precedence as {}: this one never counts in namespace {}",
            rank.seniority.id.object, service.host, service.namespace
        );
        list.push(
            warn(&service.origin, "conflicting-hosts", message)
                .hint("rename or remove one of them"),
        );
    }
}

/// Checks whether an older Sidecar without selector takes precedence.
pub(super) fn check_sidecar(
    id: &DeclId,
    sidecar: &Sidecar,
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    if !sidecar.selector.is_empty() {
        return;
    }
    let first = reading
        .sidecars(&sidecar.namespace)
        .take_while(|(seniority, _)| seniority.id != *id)
        .find(|(_, other)| other.selector.is_empty());
    if let Some((seniority, _)) = first {
        let message = format!(
            "{} comes first (by age, then by name) and has no workloadSelector either: this one never counts",
            seniority.id.object
        );
        list.push(
            warn(&sidecar.origin, "conflicting-sidecars", message)
                .hint("give it a workloadSelector"),
        );
    }
}
