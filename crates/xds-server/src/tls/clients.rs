//! Which client certificates are believed.

use std::sync::Arc;

use ferromesh_identity::{Bundle, Certificate, CertificateFault, SpiffeId, TrustDomain};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use super::TlsFault;

/// Believes certificates that the roots have signed and that name one workload of the trust
/// domain. A client may have none.
#[derive(Debug)]
pub(crate) struct MeshClients {
    signatures: Arc<dyn ClientCertVerifier>,
    trust_domain: TrustDomain,
}

/// A certificate that a trusted root has signed and that is none of a workload of this mesh.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOfThisMesh {
    /// It names no workload, or more than one.
    #[error("{0}")]
    NoWorkload(#[from] CertificateFault),
    /// It names a workload of another trust domain.
    #[error("{0} is not of the trust domain of this mesh")]
    OtherDomain(SpiffeId),
}

impl MeshClients {
    pub(crate) fn new(
        roots: &Bundle,
        trust_domain: &TrustDomain,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsFault> {
        let mut store = RootCertStore::empty();
        for der in roots.ders() {
            store
                .add(CertificateDer::from(der.to_vec()))
                .map_err(|error| TlsFault::Roots(error.to_string()))?;
        }
        let signatures = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider)
            .allow_unauthenticated()
            // Roots of one mesh have long names, and no client of ours chooses by them.
            .clear_root_hint_subjects()
            .build()
            .map_err(|error| TlsFault::Roots(error.to_string()))?;
        Ok(Self {
            signatures,
            trust_domain: trust_domain.clone(),
        })
    }
}

/// The identity of a certificate, if it is of the trust domain.
pub(crate) fn identity(
    leaf: &Certificate,
    trust_domain: &TrustDomain,
) -> Result<SpiffeId, NotOfThisMesh> {
    let identity = leaf.identity()?;
    if identity.trust_domain() == trust_domain {
        Ok(identity)
    } else {
        Err(NotOfThisMesh::OtherDomain(identity))
    }
}

impl ClientCertVerifier for MeshClients {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.signatures.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .signatures
            .verify_client_cert(end_entity, intermediates, now)?;
        let named = Certificate::from_der(end_entity)
            .map_err(NotOfThisMesh::from)
            .and_then(|leaf| identity(&leaf, &self.trust_domain));
        match named {
            Ok(_) => Ok(verified),
            Err(fault) => Err(Error::InvalidCertificate(CertificateError::Other(
                OtherError(Arc::new(fault)),
            ))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_verify_schemes()
    }
}
