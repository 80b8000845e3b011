//! What a source hands over.

use std::path::Path;
use std::sync::Arc;

use ferromesh_api::{Key, Object};

use crate::place::Place;

/// What has changed since the last batch; one entry per key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Objects that are new or say something else.
    pub changed: Vec<Located>,
    /// Objects that say the same at another place.
    pub moved: Vec<Located>,
    /// Objects that are gone.
    pub removed: Vec<Key>,
    /// All faults that there are now, sorted; not only new ones.
    pub faults: Vec<SourceFault>,
    /// Whether the source has been read.
    pub coverage: Coverage,
}

/// Whether everything that there was at the start has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coverage {
    /// Something is missing yet: there are no objects in this batch, only faults.
    Partial,
    /// All objects are known with this batch and those before it. It never becomes partial again.
    #[default]
    Complete,
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

/// Something that keeps a source, or an object in it, from being read. Always an error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceFault {
    /// The file or directory; empty if there is none.
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
