//! A certificate of ours that is still valid, for virtual machines: they have no token that
//! somebody renews for them.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use ferromesh_identity::{Certificate, SpiffeId, TrustDomain, WorkloadLabels};
use tokio::sync::watch;

use super::{Answer, Attested, Attestor, Credentials, identified};
use crate::refusal::{Reason, Refusal};
use crate::roots::Trust;
use crate::verify::{self, Usage};
use crate::workloads::{Workload, Workloads};

/// Knows virtual machines by the certificates that they got from us.
pub struct OwnCertificates {
    /// What is known of WorkloadEntries.
    pub workloads: Arc<dyn Workloads>,
    /// Our roots.
    pub trust: watch::Receiver<Arc<Trust>>,
    /// Our trust domain.
    pub trust_domain: TrustDomain,
    /// How long ago a certificate may have been issued at most.
    pub max_age: Duration,
}

impl OwnCertificates {
    fn owner(&self, chain: &[Vec<u8>], now: Duration) -> Result<Attested, Refusal> {
        let leaf = self.verified(chain, now)?;
        let identity = leaf
            .identity()
            .map_err(|fault| foreign(fault.to_string()))?;
        if *identity.trust_domain() != self.trust_domain {
            let own = &self.trust_domain;
            return Err(foreign(format!("{identity} is not of trust domain {own}")));
        }
        let entry = self.entry(&leaf, &identity).ok_or_else(|| {
            Refusal::new(
                Reason::EntryGone,
                format!(
                    "no WorkloadEntry of {identity} is that of the client certificate (pods renew by token)"
                ),
            )
        })?;
        identified(&self.trust_domain, identity.namespace(), entry)
    }

    /// TLS has verified the chain against all roots that anybody trusts; here only ours count. What another authority has
    /// issued (`caCertificates`) is good for talking, but would become ours for ever if it were renewed: who it was issued
    /// for, and whether it was taken back since, only that authority knows. Such a machine shows a token once.
    fn verified(&self, chain: &[Vec<u8>], now: Duration) -> Result<Certificate, Refusal> {
        let leaf = chain
            .first()
            .ok_or_else(|| foreign("none".to_owned()))
            .and_then(|der| {
                Certificate::from_der(der).map_err(|fault| foreign(fault.to_string()))
            })?;
        if !leaf.is_valid_at(now.as_secs()) {
            return Err(Refusal::new(
                Reason::StaleCertificate,
                "the client certificate is not valid at this time (send a token)",
            ));
        }
        if now.as_secs().saturating_sub(leaf.not_before()) > self.max_age.as_secs() {
            return Err(Refusal::new(
                Reason::OldCertificate,
                "the client certificate was issued too long ago (send a token)",
            ));
        }
        let trust = self.trust.borrow().clone();
        verify::chain(chain, &trust.bundle, &[Usage::Client], now)
            .map_err(|error| foreign(format!("{error:?}")))?;
        Ok(leaf)
    }

    /// The entry that the certificate was issued for: several of them may share an account. One
    /// whose certificate carries no labels is any of its account.
    fn entry(&self, leaf: &Certificate, identity: &SpiffeId) -> Option<Workload> {
        let labels = leaf
            .dns_names()
            .iter()
            .find_map(|name| WorkloadLabels::from_dns_name(name));
        let name = |labels: &WorkloadLabels| {
            let [workload, ..] = labels.parts();
            workload
        };
        self.workloads
            .entries(identity)
            .into_iter()
            .find(|entry| match &labels {
                Some(labels) => name(labels) == name(&entry.labels),
                None => true,
            })
            .filter(|entry| entry.account == identity.account())
    }
}

impl Attestor for OwnCertificates {
    fn attest<'a>(&'a self, credentials: Credentials<'a>, now: Duration) -> Answer<'a> {
        // Who shows a token is judged by it alone.
        let shown = credentials.token.is_none() && !credentials.chain.is_empty();
        Box::pin(ready(shown.then(|| self.owner(credentials.chain, now))))
    }
}

fn foreign(what: String) -> Refusal {
    Refusal::new(
        Reason::ForeignCertificate,
        format!("client certificate: {what}"),
    )
}
