//! Authorities of our own making, and certificates of theirs that say what a test likes: strangers, other trust domains,
//! servers outside of the mesh.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::PrivateKeyDer;

use crate::raw::Certified;

/// By how much clocks may differ, and for how long what is issued here is good.
const VALID: Duration = Duration::from_secs(3600);

/// An authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// One with a key of its own.
    ///
    /// # Panics
    /// When there is no randomness.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        let mut names = DistinguishedName::new();
        names.push(DnType::CommonName, name);
        params.distinguished_name = names;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a root"))
    }

    /// Its root, as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate with these names: URIs, if they have a scheme, or DNS names.
    ///
    /// # Panics
    /// When a name can't stand in a certificate.
    pub fn issue(&self, names: &[&str]) -> Issued {
        let (params, key) = leaf(names);
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Issued::new(&certificate, &key)
    }
}

/// A certificate that only its own key has signed.
///
/// # Panics
/// As [`Authority::issue`].
pub fn self_signed(names: &[&str]) -> Issued {
    let (params, key) = leaf(names);
    let certificate = params.self_signed(&key).expect("a certificate");
    Issued::new(&certificate, &key)
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Issued {
    /// For connections.
    pub certified: Certified,
    /// The certificate for a file.
    pub chain_pem: String,
    /// The key for a file.
    pub key_pem: String,
}

impl Issued {
    fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        Self {
            certified: Certified {
                chain: vec![certificate.der().clone()],
                key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            },
            chain_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        }
    }
}

fn leaf(names: &[&str]) -> (CertificateParams, KeyPair) {
    let name = |name: &&str| {
        let text = (*name).try_into().expect("a name");
        if name.contains("://") {
            SanType::URI(text)
        } else {
            SanType::DnsName(text)
        }
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = names.iter().map(name).collect();
    // Envoy's SPIFFE validator refuses who says nothing of it.
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ClientAuth,
        ExtendedKeyUsagePurpose::ServerAuth,
    ];
    let now = SystemTime::now();
    params.not_before = (now - VALID).into();
    params.not_after = (now + VALID).into();
    (params, KeyPair::generate().expect("a key"))
}
