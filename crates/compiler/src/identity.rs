//! Who a declaration is: its object, and which of the object's statements.

use std::sync::Arc;

use ferromesh_mesh::origin::{Age, ObjectRef};

/// The identity of a declaration. Keys of views carry identities, never contents, so that an
/// edit of a declaration keeps the view and only rebuilds its content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DeclId {
    /// The object.
    pub(crate) object: Arc<ObjectRef>,
    /// Which of its statements.
    pub(crate) part: u32,
}

/// Declarations by age, the oldest first; the identity breaks what ties are left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Seniority {
    /// The age.
    pub(crate) age: Age,
    /// The declaration.
    pub(crate) id: DeclId,
}
