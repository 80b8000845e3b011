//! Keys that the control plane has fetched.

use std::sync::Arc;

use crate::policy::jwt::KeySource;

/// Keys that the control plane has fetched from where a token rule says. It is the only
/// declaration that no person writes: it comes from a synthetic source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySet {
    /// From where: only [`KeySource::Uri`] or [`KeySource::Issuer`].
    pub source: KeySource,
    /// A JSON Web Key Set, checked.
    pub keys: Arc<str>,
}
