//! Redirects.

use std::sync::Arc;

/// An answer that sends the client elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Redirect {
    /// The new path.
    pub path: RedirectPath,
    /// The new authority; `None` = unchanged.
    pub authority: Option<Arc<str>>,
    /// The new scheme; `None` = unchanged.
    pub scheme: Option<Arc<str>>,
    /// The new port.
    pub port: RedirectPort,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}

/// The path of a redirect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RedirectPath {
    /// Unchanged.
    Keep,
    /// Replaced as a whole.
    Full(Arc<str>),
    /// The matched prefix is replaced.
    Prefix(Arc<str>),
}

/// The port of a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RedirectPort {
    /// The one that the client addressed (`FROM_REQUEST_PORT`), written out unless it is the
    /// default of the scheme.
    FromRequest,
    /// None is written (Envoy's default): that of an unchanged authority stays, unless it is the
    /// default of the old scheme.
    SchemeDefault,
    /// This one, written out.
    Port(u16),
}
