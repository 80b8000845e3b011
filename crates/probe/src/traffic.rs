//! What filters and matchers see.

use std::net::SocketAddr;

use crate::filter_state::FilterState;
use crate::header::Headers;
use crate::metadata::Metadata;
use crate::request::Certificate;

/// What filters and matchers see.
pub(crate) struct Traffic<'a> {
    /// The connection.
    pub(crate) connection: Connection<'a>,
    /// Headers of the request; without a request there are none.
    pub(crate) headers: Headers,
    /// Where the request comes from, as trusted proxies say; else where the connection does.
    pub(crate) remote: SocketAddr,
    /// What filters have left.
    pub(crate) metadata: Metadata,
    /// What filters have left as objects.
    pub(crate) filter_state: FilterState,
    /// The time, in seconds since 1970.
    pub(crate) now: u64,
}

/// A connection.
pub(crate) struct Connection<'a> {
    /// Where the client wanted to.
    pub(crate) destination: SocketAddr,
    /// Where it comes from.
    pub(crate) source: SocketAddr,
    /// The server name that the TLS inspector has seen, in lower case; empty = none.
    pub(crate) server_name: String,
    /// TLS that ended here.
    pub(crate) tls: Tls<'a>,
}

/// TLS that ended at the listener.
#[derive(Clone, Copy)]
pub(crate) enum Tls<'a> {
    /// None; what the client says in TLS of its own is just bytes.
    None,
    /// The client has shown no certificate.
    Anonymous,
    /// It has shown one, which nobody has verified.
    Claimed(&'a Certificate),
    /// It has shown one that was verified.
    Verified(&'a Certificate),
}

impl<'a> Tls<'a> {
    /// The certificate that was shown.
    pub(crate) fn certificate(self) -> Option<&'a Certificate> {
        match self {
            Self::None | Self::Anonymous => None,
            Self::Claimed(certificate) | Self::Verified(certificate) => Some(certificate),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A connection in the clear.
    pub(crate) fn traffic() -> Traffic<'static> {
        let source = SocketAddr::from(([10, 0, 0, 9], 40_000));
        Traffic {
            connection: Connection {
                destination: SocketAddr::from(([10, 0, 0, 1], 8080)),
                source,
                server_name: String::new(),
                tls: Tls::None,
            },
            headers: Headers::default(),
            remote: source,
            metadata: Metadata::default(),
            filter_state: FilterState::default(),
            now: 1_000_000,
        }
    }
}
