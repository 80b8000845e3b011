//! A certificate that signs, and its key.

use std::sync::Arc;
use std::time::Duration;

use ferromesh_identity::certificate::Role;
use ferromesh_identity::{Bundle, Certificate, SpiffeId, TrustDomain, WorkloadLabels};
use rcgen::{
    CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PublicKeyData, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::roots::RootFault;
use crate::verify;

/// The bytes of a serial number: 126 of their bits are random.
const SERIAL_BYTES: usize = 16;

/// Who signs: parsed once.
pub struct Issuer {
    inner: rcgen::Issuer<'static, KeyPair>,
    intermediates: Vec<Vec<u8>>,
    intermediates_pem: Arc<str>,
    not_after: u64,
    dns_names: DnsNames,
}

/// What leads from a leaf to a root.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The signing certificate, and those above it.
    pub path: Vec<Certificate>,
    /// Others that are sent along, for those who don't know the root yet.
    pub aside: Vec<Certificate>,
}

/// Whether an issuer may sign the DNS names of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsNames {
    /// It may.
    Allowed,
    /// Its name constraints forbid them.
    Refused,
}

/// What a leaf says.
pub struct Leaf<'a, K> {
    /// Its key.
    pub key: &'a K,
    /// Its identity.
    pub identity: &'a SpiffeId,
    /// The DNS names beside it.
    pub dns_names: &'a [String],
    /// The first second in which it is valid, since the Unix epoch.
    pub not_before: u64,
    /// The last one.
    pub not_after: u64,
}

impl Issuer {
    /// Takes a chain and the key of its first certificate, and tries whether leaves that they sign
    /// lead to one of the roots.
    ///
    /// # Errors
    /// If the certificate may not sign, isn't valid now, has another key, or no root trusts it.
    pub fn new(
        chain: &Chain,
        key: &PrivateKeyDer<'_>,
        roots: &Bundle,
        (trust_domain, now): (&TrustDomain, Duration),
    ) -> Result<Self, RootFault> {
        let unfit = |what: String| RootFault::Unfit { what };
        let Chain { path, aside } = chain;
        let signing = path
            .first()
            .ok_or_else(|| unfit("no certificate".to_owned()))?;
        check(signing, now)?;
        let key = KeyPair::try_from(key).map_err(|_| {
            unfit("the key can't be read (PKCS#8, PKCS#1 or SEC1 of ECDSA, RSA or Ed25519)".into())
        })?;
        if !has_key(signing, &key) {
            return Err(unfit("the key is not that of the certificate".to_owned()));
        }
        let inner = rcgen::Issuer::from_ca_cert_der(&CertificateDer::from(signing.der()), key)
            .map_err(|error| unfit(error.to_string()))?;
        let usages = inner.key_usages();
        if !usages.is_empty() && !usages.contains(&KeyUsagePurpose::KeyCertSign) {
            return Err(unfit(
                "the certificate may not sign (key usage without keyCertSign)".into(),
            ));
        }
        let unknown = |one: &&Certificate| !roots.roots().contains(one);
        let sent: Vec<_> = path.iter().chain(aside).filter(unknown).collect();
        let ends = path.iter().map(Certificate::not_after);
        let last_root = roots.roots().iter().map(Certificate::not_after).max();
        let mut issuer = Self {
            inner,
            intermediates: sent.iter().map(|one| one.der().to_vec()).collect(),
            intermediates_pem: sent.iter().map(|one| one.pem()).collect::<String>().into(),
            not_after: ends.chain(last_root).min().unwrap_or(0),
            dns_names: DnsNames::Allowed,
        };
        issuer.try_out(roots, trust_domain, now)?;
        Ok(issuer)
    }

    /// Signs a leaf for nobody, with and without the DNS name of labels, and verifies it.
    fn try_out(
        &mut self,
        roots: &Bundle,
        trust_domain: &TrustDomain,
        now: Duration,
    ) -> Result<(), RootFault> {
        let unfit = |what: String| RootFault::Unfit { what };
        let key = KeyPair::generate().map_err(|error| unfit(error.to_string()))?;
        let identity = SpiffeId::new(trust_domain.clone(), "nobody", "nobody")
            .map_err(|fault| unfit(fault.to_string()))?;
        let labels = [WorkloadLabels::unknown().dns_name().to_owned()];
        let mut verdict = Ok(());
        for (dns_names, allowed) in [
            (&labels[..], DnsNames::Allowed),
            (&[][..], DnsNames::Refused),
        ] {
            let leaf = Leaf {
                key: &key,
                identity: &identity,
                dns_names,
                not_before: now.as_secs(),
                not_after: now.as_secs() + 1,
            };
            let chain = self.chain(self.sign(&leaf).map_err(|error| unfit(error.to_string()))?);
            match verify::peer(&chain, roots, now) {
                Ok(()) => {
                    self.dns_names = allowed;
                    return Ok(());
                }
                Err(error) => verdict = Err(error),
            }
        }
        verdict.map_err(|error| {
            unfit(format!(
                "what it signs for {identity} doesn't lead to a trusted root: {error:?}"
            ))
        })
    }

    /// Signs.
    ///
    /// # Errors
    /// If the key fails.
    pub fn sign<K: PublicKeyData>(&self, leaf: &Leaf<'_, K>) -> Result<Vec<u8>, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.serial_number = Some(serial()?);
        set_validity(&mut params, leaf.not_before, leaf.not_after);
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.subject_alt_names = names(leaf.identity, leaf.dns_names)?;
        Ok(params.signed_by(leaf.key, &self.inner)?.der().to_vec())
    }

    /// A leaf and what leads from it to a root, as DER.
    pub fn chain(&self, leaf: Vec<u8>) -> Vec<Vec<u8>> {
        std::iter::once(leaf)
            .chain(self.intermediates.iter().cloned())
            .collect()
    }

    /// What leads to a root, as PEM.
    pub fn intermediates(&self) -> Arc<str> {
        self.intermediates_pem.clone()
    }

    /// The last second in which all of the chain is valid, since the Unix epoch.
    pub fn not_after(&self) -> u64 {
        self.not_after
    }

    /// Whether it may sign the DNS names of labels.
    pub fn dns_names(&self) -> DnsNames {
        self.dns_names
    }
}

/// The subject alternative names of a leaf: the identity is the only URI.
pub(crate) fn names(
    identity: &SpiffeId,
    dns_names: &[String],
) -> Result<Vec<SanType>, rcgen::Error> {
    let mut names = vec![SanType::URI(identity.to_string().as_str().try_into()?)];
    for name in dns_names {
        names.push(SanType::DnsName(name.as_str().try_into()?));
    }
    Ok(names)
}

fn check(signing: &Certificate, now: Duration) -> Result<(), RootFault> {
    let unfit = |what: String| Err(RootFault::Unfit { what });
    if signing.role() != Role::Authority {
        return unfit("the certificate may not sign (basic constraints without CA:TRUE)".into());
    }
    if !signing.is_valid_at(now.as_secs()) {
        return unfit(format!(
            "the certificate is valid from {} to {} (seconds since 1970), and now is {}",
            signing.not_before(),
            signing.not_after(),
            now.as_secs()
        ));
    }
    Ok(())
}

fn has_key(certificate: &Certificate, key: &KeyPair) -> bool {
    x509_parser::parse_x509_certificate(certificate.der())
        .is_ok_and(|(_, read)| read.public_key().subject_public_key.as_ref() == key.der_bytes())
}

/// A random serial number of constant length, positive as X.509 wants it.
pub(crate) fn serial() -> Result<SerialNumber, rcgen::Error> {
    let mut bytes = [0; SERIAL_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| rcgen::Error::RingUnspecified)?;
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    Ok(SerialNumber::from_slice(&bytes))
}

/// Sets from when to when a certificate is valid, in seconds since the Unix epoch; at most until
/// the end of the year 9999, which is the last that a certificate can name.
pub(crate) fn set_validity(params: &mut CertificateParams, not_before: u64, not_after: u64) {
    let last = 253_402_300_799;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(not_before.min(last));
    params.not_after = epoch + Duration::from_secs(not_after.min(last));
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer")
            .field("not_after", &self.not_after)
            .field("dns_names", &self.dns_names)
            .finish_non_exhaustive()
    }
}
