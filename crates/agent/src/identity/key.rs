//! The workload's key.

use std::fmt;

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::PrivateKeyDer;

/// A P-256 key, made here and never written.
pub struct Key(KeyPair);

impl Key {
    /// A new key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate() -> Result<Self, String> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map(Self)
            .map_err(|error| format!("cannot make a key: {error}"))
    }

    /// A request to certify it, as PEM. It names nobody: who this is follows from the token alone.
    ///
    /// # Errors
    /// When it can't be signed.
    pub fn request(&self) -> Result<String, String> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params
            .serialize_request(&self.0)
            .and_then(|request| request.pem())
            .map_err(|error| format!("cannot make a certificate request: {error}"))
    }

    /// The key as PEM, for Envoy.
    pub fn pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// The key for our own connections.
    pub fn der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.0.serialize_der().into())
    }
}

/// Nothing of the key is shown.
impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_itself_to_nobody() {
        let key = Key::generate().unwrap();
        let shown = format!("{key:?}");
        assert_eq!(shown, "Key(…)");
        assert!(key.request().unwrap().contains("CERTIFICATE REQUEST"));
    }
}
