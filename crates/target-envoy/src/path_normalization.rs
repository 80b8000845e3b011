//! Normalisation of paths before anybody looks at them.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::hcm::HttpConnectionManager;
use envoy::hcm::http_connection_manager::PathWithEscapedSlashesAction;
use mesh::policy::path_normalization::PathNormalization;

/// A connection manager that normalises like this.
pub(crate) fn apply(
    paths: PathNormalization,
    manager: HttpConnectionManager,
) -> HttpConnectionManager {
    let (normalize, merge, escaped) = match paths {
        PathNormalization::None => (false, false, PathWithEscapedSlashesAction::KeepUnchanged),
        PathNormalization::Base => (true, false, PathWithEscapedSlashesAction::KeepUnchanged),
        PathNormalization::MergeSlashes => {
            (true, true, PathWithEscapedSlashesAction::KeepUnchanged)
        }
        PathNormalization::DecodeAndMergeSlashes => {
            (true, true, PathWithEscapedSlashesAction::UnescapeAndForward)
        }
    };
    HttpConnectionManager {
        normalize_path: Some(normalize),
        merge_slashes: merge,
        path_with_escaped_slashes_action: escaped as i32,
        ..manager
    }
}
