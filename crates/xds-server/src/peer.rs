//! Who is at the other end of a connection, as far as the connection proves it.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ferromesh_identity::{Certificate, SpiffeId};

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// What it has proven.
    pub proof: Proof,
}

/// What the other end of a connection has proven about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing: it came over loopback, without encryption, and is who it says it is.
    Loopback,
    /// Nothing: it has no certificate.
    Anonymous,
    /// That it holds the key of a certificate of the mesh.
    Certificate(Verified),
}

/// A chain that the TLS handshake has verified against the trusted roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The certificates in DER, the leaf first, without the root.
    pub chain: Vec<Vec<u8>>,
    /// What the leaf says.
    pub leaf: Certificate,
    /// The identity that the leaf names, of the mesh's own trust domain.
    pub identity: SpiffeId,
}

impl Peer {
    /// Until when the proof holds; `None` if it does not end.
    pub(crate) fn expires(&self) -> Option<Instant> {
        let Proof::Certificate(verified) = &self.proof else {
            return None;
        };
        // The certificate is valid in all of its last second.
        let end = UNIX_EPOCH + Duration::from_secs(verified.leaf.not_after().saturating_add(1));
        let left = end.duration_since(SystemTime::now()).unwrap_or_default();
        Instant::now().checked_add(left)
    }
}
