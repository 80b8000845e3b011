//! Which roots are trusted, for which trust domain.

use std::collections::BTreeMap;

use crate::certificate::{Certificate, CertificateFault, Role};
use crate::spiffe::TrustDomain;

/// The roots that are trusted for one trust domain: at least one, in the order in which they were
/// given, none of them twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bundle(Vec<Certificate>);

/// The roots of several trust domains, each trusted for the identities of its own domain alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TrustBundles {
    /// The roots by trust domain.
    pub domains: BTreeMap<TrustDomain, Bundle>,
}

impl Bundle {
    /// Checks roots.
    ///
    /// # Errors
    /// If there are none, or one of them may not sign certificates.
    pub fn new(roots: Vec<Certificate>) -> Result<Self, CertificateFault> {
        let mut kept: Vec<Certificate> = Vec::with_capacity(roots.len());
        for (index, root) in roots.into_iter().enumerate() {
            if root.role() != Role::Authority {
                return Err(CertificateFault::NotAnAuthority(index));
            }
            if !kept.contains(&root) {
                kept.push(root);
            }
        }
        if kept.is_empty() {
            return Err(CertificateFault::Empty);
        }
        Ok(Self(kept))
    }

    /// Reads the roots of a PEM text.
    ///
    /// # Errors
    /// As [`Certificate::all_from_pem`] and [`Bundle::new`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateFault> {
        Self::new(Certificate::all_from_pem(pem)?)
    }

    /// The roots.
    pub fn roots(&self) -> &[Certificate] {
        &self.0
    }

    /// The bytes of each root.
    pub fn ders(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Certificate::der)
    }

    /// All roots as one PEM text.
    pub fn pem(&self) -> String {
        self.0.iter().map(Certificate::pem).collect()
    }
}
