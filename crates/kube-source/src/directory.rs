//! A directory of YAML and JSON files as a source of objects.
//!
//! Read are `*.yaml`, `*.yml` and `*.json`, recursively, through symbolic links; names that begin
//! with a dot are not (editors and Kubernetes' mounted ConfigMaps keep their own things there).
//! `mesh.yaml` at the root may be bare mesh configuration, see [`MESH_CONFIG_KIND`].
//!
//! Reading order: `contents` (one file) → `index` (files into the changes of objects) → `scan`
//! (what is there) → `load`, and `signals` and `watch`.

mod contents;
mod index;
mod load;
mod scan;
mod signals;
mod watch;

use std::path::Path;
use std::sync::Arc;

use ferromesh_api::{Key, Object};

pub use crate::place::Place;
pub use load::{Loaded, load};
pub use watch::{Batch, OpenError, Watch};

/// The group of the object that mesh configuration becomes.
pub const MESH_CONFIG_GROUP: &str = "mesh.istio.io";
/// The version of the object that mesh configuration becomes.
pub const MESH_CONFIG_VERSION: &str = "v1alpha1";
/// The kind of the object that mesh configuration becomes: its `spec` is the configuration, its
/// name is `mesh`, and it has no namespace.
pub const MESH_CONFIG_KIND: &str = "MeshConfig";

/// Reads the name of a namespace, as on a command line.
///
/// # Errors
/// If no namespace can have that name.
pub fn namespace(text: &str) -> Result<String, String> {
    let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = (1..=63).contains(&text.len())
        && text.bytes().all(sound)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("not a namespace name (lower-case letters, digits and -)".to_owned())
    }
}

/// An object and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    /// The object; its metadata has the namespace that counts.
    pub object: Arc<Object>,
    /// Where it stands.
    pub place: Place,
}

impl Located {
    /// Its identity.
    pub fn key(&self) -> Key {
        self.object.key()
    }
}

/// Something that keeps a file, or an object in it, from being read. Always an error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileFault {
    /// The file or directory.
    pub file: Arc<Path>,
    /// The line, from 1; 0 if the fault has none.
    pub line: usize,
    /// The field path; empty if the fault has none.
    pub path: String,
    /// A stable machine-readable code in kebab-case.
    pub code: &'static str,
    /// Short, lower case, without place and path.
    pub message: String,
    /// A way out.
    pub hint: Option<String>,
    /// The object, as far as it can be told.
    pub object: Option<Key>,
    /// The object's `apiVersion`; empty if it can't be told.
    pub api_version: String,
}

#[cfg(test)]
mod tests {
    use super::namespace;

    #[test]
    fn namespaces_have_names_as_kubernetes_allows_them() {
        for (text, fine) in [
            ("shop", true),
            ("shop-2", true),
            ("2", true),
            ("", false),
            ("A_B", false),
            ("a.b", false),
            ("-a", false),
            ("a-", false),
            (&"a".repeat(64), false),
        ] {
            assert_eq!(namespace(text).is_ok(), fine, "{text}");
        }
    }
}
