//! Who said something, and where. Origins never count in a comparison: moving a line in a
//! file, or the same statement from another object, must rebuild nothing.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The identity of an object as its author knows it. The API version is not part of it: the
/// same object read as `v1beta1` and as `v1` is the same object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// API group, empty for Kubernetes' core group.
    pub group: Arc<str>,
    /// Kind, such as `VirtualService`.
    pub kind: Arc<str>,
    /// Namespace, empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// The object and field path that a statement comes from.
///
/// All origins are equal and hash alike, so that views and declarations that carry one compare
/// by what they say.
#[derive(Clone)]
pub struct Origin {
    /// The object.
    pub object: Arc<ObjectRef>,
    /// The field path as the author wrote it, such as `spec.http[0].retries`.
    pub path: Arc<str>,
}

impl Origin {
    /// The origin of a field of the same object: `path` extended by `.field`.
    #[must_use]
    pub fn field(&self, field: &str) -> Self {
        Self {
            object: self.object.clone(),
            path: Arc::from(format!("{}.{field}", self.path)),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}: {}>", self.object, self.path)
    }
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// When an object was created: "oldest wins" sorts by this, then by `name.namespace`; never by
/// file, arrival or uid. Objects without a timestamp are the oldest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Age {
    /// RFC 3339 in UTC with `Z` (as the API server writes it, so that text order is time order);
    /// empty if absent.
    pub created: Arc<str>,
    /// `name.namespace`.
    pub tie: Arc<str>,
}

impl Age {
    /// The age of an object. `created` is its `creationTimestamp` as the API server writes it,
    /// empty if it has none.
    pub fn new(created: &str, name: &str, namespace: &str) -> Self {
        Self {
            created: Arc::from(created),
            tie: Arc::from(format!("{name}.{namespace}")),
        }
    }
}
