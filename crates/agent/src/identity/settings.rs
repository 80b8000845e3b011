//! What an identity is asked for with.

use std::path::PathBuf;

use ferromesh_identity::{SpiffeId, TrustDomain};

use crate::settings::XdsAddress;

/// What an identity is asked for with.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The authority: the control plane, or who speaks as it.
    pub ca: XdsAddress,
    /// The file with the token, read again for each request.
    pub token: PathBuf,
    /// The file with the roots by which the control plane is known at first, read again for each connection.
    pub root: PathBuf,
    /// Who the control plane must be. Nobody else gets the token.
    pub control_plane: SpiffeId,
    /// The trust domain of the workload.
    pub trust_domain: TrustDomain,
    /// The namespace of the workload, which its certificate must name.
    pub namespace: String,
}
