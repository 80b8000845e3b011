//! Normalisation of paths.

use ferromesh_api::istio::{MeshPathNormalization, MeshPathNormalizationKind};
use ferromesh_mesh::policy::path_normalization::PathNormalization;

/// How paths are normalised.
pub(crate) fn lower(written: &MeshPathNormalization) -> PathNormalization {
    let MeshPathNormalization { normalization } = written;
    match normalization {
        MeshPathNormalizationKind::Default | MeshPathNormalizationKind::Base => {
            PathNormalization::Base
        }
        MeshPathNormalizationKind::None => PathNormalization::None,
        MeshPathNormalizationKind::MergeSlashes => PathNormalization::MergeSlashes,
        MeshPathNormalizationKind::DecodeAndMergeSlashes => {
            PathNormalization::DecodeAndMergeSlashes
        }
    }
}
