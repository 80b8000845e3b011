//! Certificate signing requests.

/// A certificate signing request whose sender has proven to have the key.
#[derive(Debug)]
pub struct Csr {
    /// The subject's public key info.
    pub key: Vec<u8>,
}
