//! Who may be the control plane.

use std::sync::Arc;

use ferromesh_identity::{Certificate, SpiffeId};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

/// The cryptography that all connections use.
pub(crate) fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

/// Accepts the control plane itself: a certificate of these roots that names its SPIFFE id. Whatever else our roots
/// have signed belongs to a workload, which must not get tokens.
#[derive(Debug)]
pub(crate) struct Verifier {
    roots: RootCertStore,
    expected: SpiffeId,
    algorithms: WebPkiSupportedAlgorithms,
}

/// A certificate that is sound and somebody else's.
#[derive(Debug, thiserror::Error)]
#[error("the server is not the control plane {expected}: its certificate says {found}")]
struct SomebodyElse {
    expected: SpiffeId,
    found: String,
}

impl Verifier {
    /// Trusts these roots.
    pub(crate) fn new(roots: &[Certificate], expected: SpiffeId) -> Result<Self, Error> {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(CertificateDer::from(root.der().to_vec()))?;
        }
        Ok(Self {
            roots: store,
            expected,
            algorithms: provider().signature_verification_algorithms,
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        // Its address may be that of a service, a gateway or a tunnel.
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(leaf)?,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        let found = Certificate::from_der(leaf).and_then(|leaf| leaf.identity());
        if found.as_ref() == Ok(&self.expected) {
            return Ok(ServerCertVerified::assertion());
        }
        let error = SomebodyElse {
            expected: self.expected.clone(),
            found: found.map_or_else(|fault| fault.to_string(), |id| id.to_string()),
        };
        Err(CertificateError::Other(OtherError(Arc::new(error))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, leaf, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, leaf, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
