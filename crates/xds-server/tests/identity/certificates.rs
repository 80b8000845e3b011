//! An authority for tests, and certificates of it as they should be and as they should not.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ferromesh_identity::Bundle;
use ferromesh_xds_server::Credentials;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};

/// An authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a leaf says.
pub struct Leaf {
    uris: Vec<String>,
    names: Vec<String>,
    /// Valid from so many seconds ago (negative: in the future).
    since: i64,
    /// Valid for so many seconds from now on (negative: not any more).
    left: i64,
}

impl Leaf {
    /// A sound one.
    pub fn of(uri: &str) -> Self {
        Self {
            uris: vec![uri.to_owned()],
            names: Vec::new(),
            since: 60,
            left: 3600,
        }
    }

    /// One of an account of the mesh.
    pub fn account(namespace: &str, account: &str) -> Self {
        Self::of(&format!(
            "spiffe://cluster.local/ns/{namespace}/sa/{account}"
        ))
    }

    pub fn and_uri(mut self, uri: &str) -> Self {
        self.uris.push(uri.to_owned());
        self
    }

    pub fn without_uris(mut self) -> Self {
        self.uris.clear();
        self.names.push("somebody.example".to_owned());
        self
    }

    pub fn valid(mut self, since: i64, left: i64) -> Self {
        (self.since, self.left) = (since, left);
        self
    }
}

impl Authority {
    pub fn new() -> Self {
        Self::named("authority")
    }

    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a root"))
    }

    pub fn bundle(&self) -> Bundle {
        Bundle::from_pem(self.0.pem().as_bytes()).expect("a bundle")
    }

    pub fn issue(&self, leaf: &Leaf) -> Credentials {
        let mut params = CertificateParams::new(leaf.names.clone()).expect("names");
        let uris = leaf.uris.iter();
        let uris = uris.map(|uri| SanType::URI(uri.as_str().try_into().expect("a URI")));
        params.subject_alt_names.extend(uris);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        params.not_before = from_now(-leaf.since).into();
        params.not_after = from_now(leaf.left).into();
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Credentials {
            chain: vec![certificate.der().to_vec()],
            key: Arc::from(key.serialize_der()),
        }
    }
}

fn from_now(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        SystemTime::now() - distance
    } else {
        SystemTime::now() + distance
    }
}
