//! Certificate signing requests: what is taken of them is the key, and nothing else.
//!
//! Names in a request are compared with the attested identity; they never get into a certificate.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use ferromesh_identity::SpiffeId;
use rcgen::{PublicKeyData, SignatureAlgorithm};
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::refusal::{Reason, Refusal};

/// The longest request, as PEM.
pub const LONGEST: usize = 16 * 1024;

/// The sizes of RSA keys that are taken, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// A certificate signing request whose sender has proven to have the key.
pub struct Csr {
    der: Vec<u8>,
    key: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
    names: Vec<Name>,
}

/// A name that a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    Uri(String),
    Dns(String),
    Other,
}

impl Csr {
    /// Reads a request and verifies that its key has signed it.
    ///
    /// # Errors
    /// If it is too long, no request, wants to sign others, has a key that is not taken, or is
    /// not signed by it.
    pub fn parse(pem: &str) -> Result<Self, Refusal> {
        if pem.len() > LONGEST {
            let length = pem.len();
            return Err(Refusal::new(
                Reason::OversizedCsr,
                format!("csr: {length} bytes (at most {LONGEST})"),
            ));
        }
        let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
            malformed("not PEM (expected a block -----BEGIN CERTIFICATE REQUEST-----)")
        })?;
        Self::from_der(der.to_vec())
    }

    fn from_der(der: Vec<u8>) -> Result<Self, Refusal> {
        let (rest, request) =
            X509CertificationRequest::from_der(&der).map_err(|_| malformed("not PKCS#10"))?;
        if !rest.is_empty() {
            return Err(malformed("bytes after its end"));
        }
        let names = names(&request)?;
        let info = &request.certification_request_info;
        let kind = kind(&info.subject_pki)?;
        let bits = info.subject_pki.subject_public_key.as_ref();
        let verify = verification(kind, request.signature_algorithm.oid().to_id_string())?;
        UnparsedPublicKey::new(verify, bits)
            .verify(info.raw, request.signature_value.as_ref())
            .map_err(|_| Refusal::new(Reason::Possession, "csr: its key hasn't signed it"))?;
        Ok(Self {
            key: bits.to_vec(),
            algorithm: kind.algorithm(),
            names,
            der,
        })
    }

    /// The request as DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Compares the names that it asks for with the identity.
    ///
    /// # Errors
    /// If it asks for another one.
    pub fn check_names(&self, identity: &SpiffeId) -> Result<(), Refusal> {
        let identity = identity.to_string();
        for name in &self.names {
            match name {
                Name::Uri(uri) if *uri == identity => {}
                Name::Uri(name) | Name::Dns(name) if name.contains('*') => {
                    return Err(Refusal::new(
                        Reason::WildcardSan,
                        format!("csr: asks for {name:?} (leave the names out)"),
                    ));
                }
                name => {
                    return Err(Refusal::new(
                        Reason::ForeignSan,
                        format!(
                            "csr: asks for {name}, but the caller is {identity} (leave the names out)"
                        ),
                    ));
                }
            }
        }
        Ok(())
    }
}

impl PublicKeyData for Csr {
    fn der_bytes(&self) -> &[u8] {
        &self.key
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

/// The kinds of keys that are taken.
#[derive(Clone, Copy)]
enum Kind {
    P256,
    P384,
    Rsa,
    Ed25519,
}

impl Kind {
    /// By which rcgen writes such a key; nothing is signed by it.
    fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Self::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::Rsa => &rcgen::PKCS_RSA_SHA256,
            Self::Ed25519 => &rcgen::PKCS_ED25519,
        }
    }
}

fn kind(info: &SubjectPublicKeyInfo<'_>) -> Result<Kind, Refusal> {
    let curve = info
        .algorithm
        .parameters()
        .and_then(|parameters| parameters.as_oid().ok())
        .map(|oid| oid.to_id_string());
    match info.algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.10045.2.1" => match curve.as_deref() {
            Some("1.2.840.10045.3.1.7") => Ok(Kind::P256),
            Some("1.3.132.0.34") => Ok(Kind::P384),
            _ => Err(weak("a curve other than P-256 and P-384")),
        },
        "1.2.840.113549.1.1.1" => check_rsa(info).map(|()| Kind::Rsa),
        "1.3.101.112" => Ok(Kind::Ed25519),
        _ => Err(weak(
            "a key that is neither ECDSA P-256 or P-384, nor RSA, nor Ed25519",
        )),
    }
}

fn check_rsa(info: &SubjectPublicKeyInfo<'_>) -> Result<(), Refusal> {
    let Ok(PublicKey::RSA(key)) = info.parsed() else {
        return Err(malformed("an RSA key that can't be read"));
    };
    // Some implementations verify anything by an exponent of one, and small ones are fragile.
    let exponent = key.try_exponent().unwrap_or(0);
    if exponent < 65_537 || exponent % 2 == 0 {
        return Err(weak(
            "an RSA key whose exponent is not an odd number from 65537 on",
        ));
    }
    if !RSA_BITS.contains(&key.key_size()) {
        let bits = key.key_size();
        return Err(weak(&format!("an RSA key of {bits} bits (2048 to 4096)")));
    }
    Ok(())
}

/// How a request with this kind of key and this algorithm is verified.
fn verification(
    kind: Kind,
    algorithm: String,
) -> Result<&'static dyn VerificationAlgorithm, Refusal> {
    match (kind, algorithm.as_str()) {
        (Kind::P256, "1.2.840.10045.4.3.2") => Ok(&ECDSA_P256_SHA256_ASN1),
        (Kind::P256, "1.2.840.10045.4.3.3") => Ok(&ECDSA_P256_SHA384_ASN1),
        (Kind::P384, "1.2.840.10045.4.3.2") => Ok(&ECDSA_P384_SHA256_ASN1),
        (Kind::P384, "1.2.840.10045.4.3.3") => Ok(&ECDSA_P384_SHA384_ASN1),
        (Kind::Rsa, "1.2.840.113549.1.1.11") => Ok(&RSA_PKCS1_2048_8192_SHA256),
        (Kind::Rsa, "1.2.840.113549.1.1.12") => Ok(&RSA_PKCS1_2048_8192_SHA384),
        (Kind::Rsa, "1.2.840.113549.1.1.13") => Ok(&RSA_PKCS1_2048_8192_SHA512),
        (Kind::Ed25519, "1.3.101.112") => Ok(&ED25519),
        _ => Err(Refusal::new(
            Reason::Possession,
            format!("csr: signed by algorithm {algorithm}, which is not taken for its key"),
        )),
    }
}

/// The names that a request asks for; refuses one that wants to sign others.
fn names(request: &X509CertificationRequest<'_>) -> Result<Vec<Name>, Refusal> {
    let mut names = Vec::new();
    for attribute in request.certification_request_info.iter_attributes() {
        // Attributes that aren't known are as little copied as those that are.
        let ParsedCriAttribute::ExtensionRequest(requested) = attribute.parsed_attribute() else {
            continue;
        };
        for extension in &requested.extensions {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(san) => {
                    names.extend(san.general_names.iter().map(name));
                }
                ParsedExtension::BasicConstraints(constraints) if constraints.ca => {
                    return Err(wants_ca("basic constraints with CA:TRUE"));
                }
                ParsedExtension::KeyUsage(usage) if usage.key_cert_sign() || usage.crl_sign() => {
                    return Err(wants_ca("a key usage of authorities"));
                }
                ParsedExtension::NameConstraints(_) => return Err(wants_ca("name constraints")),
                ParsedExtension::ParseError { .. } => {
                    return Err(malformed("an extension that can't be read"));
                }
                _ => {}
            }
        }
    }
    Ok(names)
}

fn name(name: &GeneralName<'_>) -> Name {
    match name {
        GeneralName::URI(uri) => Name::Uri((*uri).to_owned()),
        GeneralName::DNSName(dns) => Name::Dns((*dns).to_owned()),
        _ => Name::Other,
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uri(uri) => write!(f, "URI {uri:?}"),
            Self::Dns(dns) => write!(f, "DNS name {dns:?}"),
            Self::Other => f.write_str("a name that is neither a URI nor a DNS name"),
        }
    }
}

impl std::fmt::Debug for Csr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Csr")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

fn malformed(what: &str) -> Refusal {
    Refusal::new(Reason::MalformedCsr, format!("csr: {what}"))
}

fn weak(what: &str) -> Refusal {
    Refusal::new(Reason::WeakKey, format!("csr: {what}"))
}

fn wants_ca(what: &str) -> Refusal {
    Refusal::new(
        Reason::WantsCa,
        format!("csr: asks for {what} (workloads don't sign certificates)"),
    )
}
