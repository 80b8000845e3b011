//! Who somebody is.
//!
//! Reading order: [`projected`] for pods in a cluster, [`directory`] for workloads of the directory
//! source, [`certificate`] for virtual machines that renew.

pub mod certificate;
pub mod directory;
pub mod projected;

use std::pin::Pin;
use std::time::Duration;

use ferromesh_identity::{SpiffeId, TrustDomain, WorkloadLabels};

use crate::refusal::{Reason, Refusal};
use crate::workloads::{Kind, Phase, Workload};

pub use certificate::OwnCertificates;
pub use directory::DirectoryTokens;
pub use projected::{NoReviews, ProjectedTokens, Review, Reviewed, Reviewer};

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

/// Who a workload of our own source is, unless it has finished.
fn identified(
    trust_domain: &TrustDomain,
    namespace: &str,
    workload: Workload,
) -> Result<Attested, Refusal> {
    let Workload {
        kind,
        account,
        phase,
        labels,
    } = workload;
    match phase {
        // One that is told to stop still serves, for as long as its grace period lasts.
        Phase::Alive | Phase::Terminating => {}
        Phase::Finished => {
            return Err(Refusal::new(
                Reason::PodFinished,
                format!("the workload of {namespace}/{account} has finished"),
            ));
        }
    }
    let identity = SpiffeId::new(trust_domain.clone(), namespace, &account)
        .map_err(|fault| Refusal::new(Reason::UnfitIdentity, fault.to_string()))?;
    Ok(Attested {
        identity,
        labels,
        kind,
    })
}
