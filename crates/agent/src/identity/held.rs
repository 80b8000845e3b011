//! What the agent holds at the moment.

use std::fmt;
use std::sync::Arc;

use ferromesh_identity::{Bundle, Certificate, SpiffeId, TrustDomain};

use super::key::Key;

/// What the agent holds at the moment. It is replaced as a whole.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// The certificate and its key; `None` before the first one.
    pub own: Option<Arc<Own>>,
    /// Who is trusted; `None` before the first answer.
    pub trust: Option<Arc<Trust>>,
    /// Why the last attempt failed; `None` if it did not.
    pub trouble: Option<Arc<str>>,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Own {
    /// Whose it is.
    pub identity: SpiffeId,
    /// The leaf and its intermediates, without the root.
    pub chain: Vec<Certificate>,
    /// The key of the leaf.
    pub key: Key,
}

/// Who is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The version by which the control plane knows it; empty if it came with a certificate.
    pub version: Arc<str>,
    /// The trust domain of the mesh and its roots.
    pub own: (TrustDomain, Bundle),
    /// Those of others.
    pub others: Vec<(TrustDomain, Bundle)>,
}

impl Own {
    /// The last second, since the Unix epoch, in which all of the chain is valid.
    pub fn expires(&self) -> u64 {
        let ends = self.chain.iter().map(Certificate::not_after);
        ends.min().unwrap_or(0)
    }
}

/// Where the agent stands, in a line.
impl fmt::Display for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            own,
            trust: _,
            trouble,
        } = self;
        match (own, trouble) {
            (None, None) => formatter.write_str("no certificate yet"),
            (None, Some(why)) => write!(formatter, "no certificate yet: {why}"),
            (Some(own), None) => write!(formatter, "{} until {}", own.identity, own.expires()),
            (Some(own), Some(why)) => {
                write!(formatter, "{} until {}: {why}", own.identity, own.expires())
            }
        }
    }
}
