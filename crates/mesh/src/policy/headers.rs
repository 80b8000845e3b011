//! Changes to headers.

use std::sync::Arc;

/// Changes to the headers of a message, in this order: remove, set, add.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HeaderChanges {
    /// Overwrites (`headers.*.set`), sorted by name.
    pub set: Vec<(Arc<str>, Arc<str>)>,
    /// Appends (`headers.*.add`), sorted by name.
    pub add: Vec<(Arc<str>, Arc<str>)>,
    /// Removes.
    pub remove: Vec<Arc<str>>,
}

/// Changes to both directions. `set` of `Host`/`:authority` in the request is not here: it is a
/// [`super::rewrite::Rewrite::authority`], as in Istio.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MessageHeaders {
    /// On the way to the backend.
    pub request: HeaderChanges,
    /// On the way back.
    pub response: HeaderChanges,
}
