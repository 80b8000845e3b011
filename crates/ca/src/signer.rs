//! Signers outside of this program.

use std::pin::Pin;
use std::time::Duration;

use ferromesh_identity::SpiffeId;

/// What an external signer is asked for.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The signing request as DER. It may name nobody: the names are those below.
    pub csr: &'a [u8],
    /// The one URI among the subject alternative names.
    pub identity: &'a SpiffeId,
    /// The DNS names among the subject alternative names.
    pub dns_names: &'a [String],
    /// How long it shall be valid.
    pub lifetime: Duration,
}

/// Why an external signer doesn't sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerFault {
    /// It may not sign these DNS names; the order is repeated without those of labels.
    #[error("the signer refuses the dns names: {0}")]
    DnsNames(String),
    /// It doesn't work at this time.
    #[error("the signer is not available: {0}")]
    Unavailable(String),
}

/// What an external signer answers, at some time: the leaf and its intermediates as PEM.
pub type Signature<'a> = Pin<Box<dyn Future<Output = Result<String, SignerFault>> + Send + 'a>>;

/// Signs outside of this program. What it answers is verified before anybody gets it.
pub trait Signer: Send + Sync + 'static {
    /// Signs.
    fn sign<'a>(&'a self, order: Order<'a>) -> Signature<'a>;
}
