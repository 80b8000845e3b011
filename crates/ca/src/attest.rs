//! Who somebody is.

use std::pin::Pin;
use std::time::Duration;

use ferromesh_identity::{SpiffeId, WorkloadLabels};

use crate::refusal::Refusal;

/// What was found out about a caller: the only source of what a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    /// Its identity.
    pub identity: SpiffeId,
    /// Its labels, as our own source knows them.
    pub labels: WorkloadLabels,
    /// What it is.
    pub kind: Kind,
}

/// What somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A pod.
    Pod,
    /// A WorkloadEntry.
    Entry,
}

/// What a caller shows.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The bearer token; never logged.
    pub token: Option<&'a str>,
    /// The client certificate and its intermediates as DER, the leaf first; empty without one.
    pub chain: &'a [Vec<u8>],
}

/// What an attestor says, at some time.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Option<Result<Attested, Refusal>>> + Send + 'a>>;

/// Finds out who somebody is by one kind of credentials.
pub trait Attestor: Send + Sync + 'static {
    /// Who shows these credentials; `None` if they are of another kind. `now` is since the Unix
    /// epoch.
    fn attest<'a>(&'a self, credentials: Credentials<'a>, now: Duration) -> Answer<'a>;
}
