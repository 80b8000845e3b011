//! What a certificate says, as a value. Nothing here is verified: whoever decides by it has to
//! have verified the chain before.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::spiffe::{SpiffeFault, SpiffeId};

/// The most certificates that are read from one text.
pub const MOST_CERTIFICATES: usize = 64;

/// A certificate.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Certificate {
    der: Arc<[u8]>,
    uris: Vec<String>,
    dns_names: Vec<String>,
    other_names: usize,
    not_before: u64,
    not_after: u64,
    serial: String,
    role: Role,
}

/// What a certificate may be used for, by its basic constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// To sign other certificates.
    Authority,
    /// To speak for the names in it.
    Leaf,
}

/// Bytes that are no certificate, or one that isn't what it is taken for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// Not PEM.
    #[error("not PEM: {0}")]
    Pem(String),
    /// PEM without a certificate.
    #[error("no certificate (expected blocks that begin with -----BEGIN CERTIFICATE-----)")]
    Empty,
    /// More of them than anybody needs.
    #[error("more than {MOST_CERTIFICATES} certificates")]
    TooMany,
    /// Not X.509.
    #[error("not an X.509 certificate: {0}")]
    Der(String),
    /// The certificate of a workload names exactly one URI.
    #[error("{0} URIs among the subject alternative names (a workload has exactly one)")]
    Uris(usize),
    /// That URI is not the identity of a workload.
    #[error("URI {uri:?}: {fault}")]
    Identity {
        /// The URI.
        uri: String,
        /// What is wrong with it.
        fault: SpiffeFault,
    },
    /// Among the roots is one that can't sign.
    #[error("certificate {0} is not that of an authority (basic constraints without CA:TRUE)")]
    NotAnAuthority(usize),
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// If the bytes are none, or have more after it.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateFault> {
        let fault = |what: String| CertificateFault::Der(what);
        let (rest, read) =
            X509Certificate::from_der(der).map_err(|error| fault(error.to_string()))?;
        if !rest.is_empty() {
            return Err(fault("bytes after its end".to_owned()));
        }
        let names = read
            .subject_alternative_name()
            .map_err(|error| fault(error.to_string()))?;
        let (mut uris, mut dns_names, mut other_names) = (Vec::new(), Vec::new(), 0);
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            match name {
                GeneralName::URI(uri) => uris.push((*uri).to_owned()),
                GeneralName::DNSName(dns) => dns_names.push((*dns).to_owned()),
                _ => other_names += 1,
            }
        }
        let role = match read.basic_constraints() {
            Ok(Some(constraints)) if constraints.value.ca => Role::Authority,
            Ok(_) => Role::Leaf,
            Err(error) => return Err(fault(error.to_string())),
        };
        let validity = read.validity();
        Ok(Self {
            der: Arc::from(der),
            uris,
            dns_names,
            other_names,
            not_before: seconds(validity.not_before.timestamp()),
            not_after: seconds(validity.not_after.timestamp()),
            serial: hexadecimal(read.raw_serial()),
            role,
        })
    }

    /// Reads all certificates of a PEM text, in their order; other blocks are passed over.
    ///
    /// # Errors
    /// If the text is no PEM, or one of the blocks no certificate, or there is none.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, CertificateFault> {
        let mut certificates = Vec::new();
        for block in CertificateDer::pem_slice_iter(pem) {
            let der = block.map_err(|error| CertificateFault::Pem(error.to_string()))?;
            if certificates.len() == MOST_CERTIFICATES {
                return Err(CertificateFault::TooMany);
            }
            certificates.push(Self::from_der(&der)?);
        }
        if certificates.is_empty() {
            return Err(CertificateFault::Empty);
        }
        Ok(certificates)
    }

    /// The bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate as PEM.
    pub fn pem(&self) -> String {
        pem(&self.der)
    }

    /// The URIs among the subject alternative names.
    pub fn uris(&self) -> &[String] {
        &self.uris
    }

    /// The DNS names among the subject alternative names.
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// How many subject alternative names there are that are neither URIs nor DNS names.
    pub fn other_names(&self) -> usize {
        self.other_names
    }

    /// The identity that it names.
    ///
    /// # Errors
    /// If it names none, or several, or one that is not of a workload.
    pub fn identity(&self) -> Result<SpiffeId, CertificateFault> {
        let [uri] = &self.uris[..] else {
            return Err(CertificateFault::Uris(self.uris.len()));
        };
        uri.parse().map_err(|fault| CertificateFault::Identity {
            uri: uri.clone(),
            fault,
        })
    }

    /// The first second in which it is valid, since the Unix epoch.
    pub fn not_before(&self) -> u64 {
        self.not_before
    }

    /// The last second in which it is valid, since the Unix epoch.
    pub fn not_after(&self) -> u64 {
        self.not_after
    }

    /// Whether it is valid at this second since the Unix epoch.
    pub fn is_valid_at(&self, second: u64) -> bool {
        (self.not_before..=self.not_after).contains(&second)
    }

    /// The serial number in hexadecimal digits.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// What it may be used for.
    pub fn role(&self) -> Role {
        self.role
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "certificate {} of {:?} {:?}, valid {}..={}",
            self.serial, self.uris, self.dns_names, self.not_before, self.not_after
        )
    }
}

/// A certificate, given as DER, as PEM.
pub fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = String::with_capacity(body.len() + body.len() / 64 + 60);
    text.push_str("-----BEGIN CERTIFICATE-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

/// Before 1970 is as good as at its beginning.
fn seconds(timestamp: i64) -> u64 {
    u64::try_from(timestamp).unwrap_or(0)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, SanType};

    fn made(params: &CertificateParams) -> Certificate {
        let key = KeyPair::generate().expect("a key");
        let made = params.self_signed(&key).expect("a certificate");
        Certificate::from_der(made.der()).expect("a certificate")
    }

    fn naming(names: Vec<SanType>) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 2);
        params
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().expect("ascii"))
    }

    #[test]
    fn a_certificate_is_read() {
        let names = vec![
            SanType::DnsName("a.b.c.d.wl.mesh".try_into().expect("ascii")),
            uri("spiffe://td/ns/a/sa/b"),
            SanType::IpAddress([10, 0, 0, 1].into()),
        ];
        let read = made(&naming(names));
        assert_eq!(
            read.identity().expect("an identity").to_string(),
            "spiffe://td/ns/a/sa/b"
        );
        assert_eq!(read.dns_names(), ["a.b.c.d.wl.mesh"]);
        assert_eq!(read.other_names(), 1);
        assert_eq!(read.role(), Role::Leaf);
        assert_eq!(read.not_before(), 1_577_836_800);
        assert_eq!(read.not_after(), 1_577_923_200);
        assert!(read.is_valid_at(1_577_836_800) && !read.is_valid_at(1_577_836_799));
        assert!(read.is_valid_at(1_577_923_200) && !read.is_valid_at(1_577_923_201));
        assert_eq!(
            Certificate::all_from_pem(read.pem().as_bytes()),
            Ok(vec![read])
        );
    }

    #[test]
    fn exactly_one_workload_is_an_identity() {
        for (names, expected) in [
            (vec![], "0 URIs"),
            (
                vec![uri("spiffe://td/ns/a/sa/b"), uri("spiffe://td/ns/a/sa/c")],
                "2 URIs",
            ),
            (
                vec![uri("spiffe://td/ns/a/sa/b"), uri("spiffe://td/ns/a/sa/b")],
                "2 URIs",
            ),
            (vec![uri("https://td/ns/a/sa/b")], "has the form"),
        ] {
            let fault = made(&naming(names)).identity().expect_err(expected);
            assert!(fault.to_string().contains(expected), "{fault}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let read = made(&naming(vec![uri("spiffe://td/ns/a/sa/b")]));
        let mut longer = read.der().to_vec();
        longer.push(0);
        assert!(Certificate::from_der(&longer).is_err());
        assert!(Certificate::from_der(&read.der()[..read.der().len() - 1]).is_err());
        assert_eq!(
            Certificate::all_from_pem(b"hello"),
            Err(CertificateFault::Empty)
        );
        let many = read.pem().repeat(MOST_CERTIFICATES + 1);
        assert_eq!(
            Certificate::all_from_pem(many.as_bytes()),
            Err(CertificateFault::TooMany)
        );
    }

    #[test]
    fn only_authorities_are_roots() {
        let leaf = made(&naming(vec![]));
        let mut params = naming(vec![]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = made(&params);
        let bundle = crate::Bundle::new(vec![root.clone(), root.clone()]).expect("a bundle");
        assert_eq!(bundle.roots(), std::slice::from_ref(&root));
        assert_eq!(crate::Bundle::from_pem(bundle.pem().as_bytes()), Ok(bundle));
        assert_eq!(
            crate::Bundle::new(vec![root, leaf]),
            Err(CertificateFault::NotAnAuthority(1))
        );
        assert_eq!(crate::Bundle::new(vec![]), Err(CertificateFault::Empty));
    }
}
