//! Tokens that the control plane itself wrote, for workloads of the directory source.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use ferromesh_identity::TrustDomain;

use super::{Answer, Attested, Attestor, Credentials, identified};
use crate::refusal::{Reason, Refusal};
use crate::tokens::{Holder, Tokens};
use crate::workloads::Workloads;

/// Knows workloads by the tokens in a directory.
pub struct DirectoryTokens {
    /// The tokens.
    pub tokens: Arc<Tokens>,
    /// What is known of their holders.
    pub workloads: Arc<dyn Workloads>,
    /// The trust domain of all of them.
    pub trust_domain: TrustDomain,
}

impl DirectoryTokens {
    fn holder(&self, token: &str) -> Result<Attested, Refusal> {
        let holder = self.tokens.holder(token).ok_or_else(|| {
            Refusal::new(
                Reason::UnknownToken,
                "token: not one of ours (read the file again: tokens are renewed with their workload)",
            )
        })?;
        let Holder { namespace, name } = &holder;
        let workload = self.workloads.workload(namespace, name).ok_or_else(|| {
            Refusal::new(
                Reason::PodGone,
                format!("token: there is no workload {namespace}/{name}"),
            )
        })?;
        identified(&self.trust_domain, namespace, workload)
    }
}

impl Attestor for DirectoryTokens {
    fn attest<'a>(&'a self, credentials: Credentials<'a>, _now: Duration) -> Answer<'a> {
        // The dots of a JSON Web Token tell them apart.
        let token = credentials.token.filter(|token| !token.contains('.'));
        Box::pin(ready(token.map(|token| self.holder(token))))
    }
}
