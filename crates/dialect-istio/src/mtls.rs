//! Mutual TLS, as a server demands it.

use ferromesh_api::istio;
use ferromesh_api::part::Part;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::mtls::{MtlsMode, MtlsSetting};

use crate::faults;

/// The setting at the path `at`. An unsound one is an error, and demands mutual TLS.
pub(crate) fn lower(
    part: Option<&Part<istio::MutualTls>>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> MtlsSetting {
    let Some(part) = part else {
        return MtlsSetting::Inherit;
    };
    match faults::read_part(part, at, remarks) {
        Some(istio::MutualTls { mode }) => lower_mode(mode),
        None => MtlsSetting::Mode(MtlsMode::Strict),
    }
}

fn lower_mode(mode: istio::MutualTlsMode) -> MtlsSetting {
    match mode {
        istio::MutualTlsMode::Unset => MtlsSetting::Inherit,
        istio::MutualTlsMode::Disable => MtlsSetting::Mode(MtlsMode::Disable),
        istio::MutualTlsMode::Permissive => MtlsSetting::Mode(MtlsMode::Permissive),
        istio::MutualTlsMode::Strict => MtlsSetting::Mode(MtlsMode::Strict),
    }
}
