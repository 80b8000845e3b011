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
        let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
        let body = STANDARD.encode(&self.der);
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

/// Before 1970 is as good as at its beginning.
fn seconds(timestamp: i64) -> u64 {
    u64::try_from(timestamp).unwrap_or(0)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
