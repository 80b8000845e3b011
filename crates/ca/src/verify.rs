//! Whether a chain leads to a root that is trusted, by a reader that is not the writer.

use std::time::Duration;

use ferromesh_identity::Bundle;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};

/// For what a certificate is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// By those who call.
    Client,
    /// By those who are called.
    Server,
}

/// Verifies a chain, the leaf first, at a time since the Unix epoch. What the leaf says of itself
/// isn't looked at.
///
/// # Errors
/// If it is no chain to one of the roots, or one of its certificates is not valid at this time or
/// not for these usages.
pub fn chain(
    chain: &[Vec<u8>],
    roots: &Bundle,
    usages: &[Usage],
    now: Duration,
) -> Result<(), webpki::Error> {
    let ders: Vec<_> = chain
        .iter()
        .map(|der| CertificateDer::from(der.as_slice()))
        .collect();
    let [leaf, intermediates @ ..] = &ders[..] else {
        return Err(webpki::Error::UnknownIssuer);
    };
    let roots: Vec<_> = roots.ders().map(CertificateDer::from).collect();
    let anchors = roots
        .iter()
        .map(webpki::anchor_from_trusted_cert)
        .collect::<Result<Vec<_>, _>>()?;
    let leaf = EndEntityCert::try_from(leaf)?;
    for usage in usages {
        leaf.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &anchors,
            intermediates,
            UnixTime::since_unix_epoch(now),
            match usage {
                Usage::Client => KeyUsage::client_auth(),
                Usage::Server => KeyUsage::server_auth(),
            },
            None,
            None,
        )?;
    }
    Ok(())
}

/// Verifies the chain of somebody who calls and is called, as everybody in a mesh is.
///
/// # Errors
/// As [`chain`].
pub fn peer(chain: &[Vec<u8>], roots: &Bundle, now: Duration) -> Result<(), webpki::Error> {
    self::chain(chain, roots, &[Usage::Client, Usage::Server], now)
}
