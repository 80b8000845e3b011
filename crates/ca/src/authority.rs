//! What is signed: how long, for whom, with which names.

use std::sync::Arc;
use std::time::Duration;

use ferromesh_identity::SpiffeId;
use ferromesh_identity::certificate::pem;
use ferromesh_identity::workload::SUFFIX;
use rcgen::PublicKeyData;

use crate::attest::Attested;
use crate::csr::Csr;
use crate::issuer::{DnsNames, Issuer, Leaf};
use crate::refusal::{Reason, Refusal};
use crate::roots::{Signs, Trust};
use crate::signer;

/// How long certificates are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// If the request doesn't say.
    pub default: Duration,
    /// Not less, whatever the request says.
    pub min: Duration,
    /// Not more, whatever the request says.
    pub max: Duration,
    /// By how much clocks may differ: certificates are valid since that long ago.
    pub skew: Duration,
}

impl Default for Lifetimes {
    /// A day, at least a minute, at most a day, with clocks that differ by a minute.
    fn default() -> Self {
        Self {
            default: Duration::from_secs(24 * 3600),
            min: Duration::from_secs(60),
            max: Duration::from_secs(24 * 3600),
            skew: Duration::from_secs(60),
        }
    }
}

impl Lifetimes {
    /// The longest life that anybody else may grant, whose clock may differ.
    fn longest(&self) -> Duration {
        self.max + self.skew
    }

    /// The lifetime for a wish in seconds; 0 or less is none.
    pub fn granted(&self, wish: i64) -> Duration {
        match u64::try_from(wish) {
            Ok(0) | Err(_) => self.default,
            Ok(seconds) => Duration::from_secs(seconds),
        }
        .min(self.max)
        .max(self.min)
    }
}

/// A certificate with all that its owner needs.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate, as PEM.
    pub leaf: String,
    /// Its intermediates, as PEM; empty if a root signed it.
    pub intermediates: Arc<str>,
    /// All roots that are to be trusted, as PEM.
    pub roots: Arc<str>,
    /// The last second in which it is valid, since the Unix epoch.
    pub not_after: u64,
}

/// Decides what a certificate says.
#[derive(Clone, Debug)]
pub struct Authority {
    /// How long certificates are valid.
    pub lifetimes: Lifetimes,
    /// The identity of the control plane, which nobody else gets.
    pub control_plane: SpiffeId,
    /// The DNS names of the control plane.
    pub control_plane_names: Vec<String>,
}

/// From when to when, in seconds since the Unix epoch.
#[derive(Clone, Copy)]
struct Validity {
    not_before: u64,
    not_after: u64,
}

impl Authority {
    /// Whether somebody may have a certificate at all.
    ///
    /// # Errors
    /// If it is the control plane's identity, or of another trust domain.
    pub fn admit(&self, attested: &Attested) -> Result<(), Refusal> {
        let identity = &attested.identity;
        let own = &self.control_plane;
        if identity == own {
            return Err(Refusal::new(
                Reason::ControlPlane,
                format!("{identity} is the control plane's own (take another service account)"),
            ));
        }
        if identity.trust_domain() != own.trust_domain() {
            let domain = own.trust_domain();
            return Err(Refusal::new(
                Reason::UnfitIdentity,
                format!("{identity} is not of the trust domain {domain}"),
            ));
        }
        Ok(())
    }

    /// Issues a certificate to somebody; `wish` is its lifetime in seconds, 0 for none. The issuer
    /// and the roots are those of `trust`, and `now` is since the Unix epoch.
    ///
    /// # Errors
    /// If the request doesn't fit, or nothing can be signed.
    pub async fn issue(
        &self,
        trust: &Trust,
        (csr, wish): (&Csr, i64),
        attested: &Attested,
        now: Duration,
    ) -> Result<Issued, Refusal> {
        self.admit(attested)?;
        csr.check_names(&attested.identity)?;
        let lifetime = self.lifetimes.granted(wish);
        let names = [attested.labels.dns_name().to_owned()];
        match &trust.signs {
            Signs::Here(issuer) => {
                let names = match issuer.dns_names() {
                    DnsNames::Allowed => &names[..],
                    DnsNames::Refused => &[],
                };
                let validity = self.validity(issuer, lifetime, now)?;
                let leaf = signed(issuer, csr, (&attested.identity, names), validity)?;
                Ok(Issued {
                    leaf: pem(&leaf),
                    intermediates: issuer.intermediates(),
                    roots: trust.pem.clone(),
                    not_after: validity.not_after,
                })
            }
            Signs::Elsewhere(signer) => {
                let order = signer::Order {
                    csr: csr.der(),
                    identity: &attested.identity,
                    dns_names: &names,
                    lifetime,
                    longest: self.lifetimes.longest(),
                };
                let answer = signer::ask(signer.as_ref(), order, (csr, &trust.bundle), now).await?;
                Ok(Issued {
                    leaf: pem(answer.leaf.der()),
                    intermediates: answer
                        .intermediates
                        .iter()
                        .map(|one| one.pem())
                        .collect::<String>()
                        .into(),
                    roots: trust.pem.clone(),
                    not_after: answer.leaf.not_after(),
                })
            }
        }
    }

    /// Issues the control plane's own certificate, for a key that was made here, as DER with its
    /// intermediates. Nobody else can get it: [`Authority::issue`] refuses its identity, and no
    /// labels make one of its DNS names.
    ///
    /// # Errors
    /// If nothing can be signed.
    pub async fn issue_own(
        &self,
        trust: &Trust,
        csr: &Csr,
        now: Duration,
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        let names = &self.control_plane_names;
        if let Some(name) = names.iter().find(|name| name.ends_with(SUFFIX)) {
            return Err(Refusal::new(
                Reason::UnfitIdentity,
                format!("the control plane can't be called {name}: workloads are called {SUFFIX}"),
            ));
        }
        let identity = &self.control_plane;
        let lifetime = self.lifetimes.granted(0);
        match &trust.signs {
            Signs::Here(issuer) => {
                let validity = self.validity(issuer, lifetime, now)?;
                // A constraint on names leaves the identity, which is what agents look at.
                match signed(issuer, csr, (identity, names), validity)
                    .map(|leaf| issuer.chain(leaf))
                {
                    Ok(chain) if crate::verify::peer(&chain, &trust.bundle, now).is_ok() => {
                        Ok(chain)
                    }
                    _ => Ok(issuer.chain(signed(issuer, csr, (identity, &[]), validity)?)),
                }
            }
            Signs::Elsewhere(signer) => {
                let order = signer::Order {
                    csr: csr.der(),
                    identity,
                    dns_names: names,
                    lifetime,
                    longest: self.lifetimes.longest(),
                };
                let answer = signer::ask(signer.as_ref(), order, (csr, &trust.bundle), now).await?;
                Ok(answer.ders())
            }
        }
    }

    /// Never beyond the issuer's own, and since the skew of clocks ago.
    fn validity(
        &self,
        issuer: &Issuer,
        lifetime: Duration,
        now: Duration,
    ) -> Result<Validity, Refusal> {
        let now = now.as_secs();
        let not_after = now
            .saturating_add(lifetime.as_secs())
            .min(issuer.not_after());
        if not_after <= now {
            return Err(Refusal::new(
                Reason::Unavailable,
                "the certificate of the authority is over (rotate the root, or plug another in)",
            ));
        }
        Ok(Validity {
            not_before: now.saturating_sub(self.lifetimes.skew.as_secs()),
            not_after,
        })
    }
}

/// A leaf for an identity with DNS names.
fn signed<K: PublicKeyData>(
    issuer: &Issuer,
    key: &K,
    (identity, dns_names): (&SpiffeId, &[String]),
    validity: Validity,
) -> Result<Vec<u8>, Refusal> {
    let Validity {
        not_before,
        not_after,
    } = validity;
    let leaf = Leaf {
        key,
        identity,
        dns_names,
        not_before,
        not_after,
    };
    issuer
        .sign(&leaf)
        .map_err(|error| Refusal::new(Reason::Unavailable, format!("the key fails: {error}")))
}
