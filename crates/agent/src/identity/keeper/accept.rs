//! What the control plane says is checked before it counts.

use std::sync::Arc;
use std::time::Duration;

use ferromesh_identity::{Bundle, Certificate, TrustDomain};
use ferromesh_proto::trust::{FetchResponse, TrustBundle};
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

use crate::identity::control_plane::{Fault, provider};
use crate::identity::held::{Own, Trust};
use crate::identity::key::Key;
use crate::identity::settings::Credentials;

/// Checks what was issued. The second value is the roots that came with it.
pub(super) fn certificate(
    credentials: &Credentials,
    answer: &[String],
    key: Key,
    fresh: Option<&Trust>,
    now: u64,
) -> Result<(Own, Bundle), Fault> {
    let bad = |why: String| Fault::away(&format!("it issued something unusable: {why}"));
    let Some(([leaf, rest @ ..], roots)) = answer.split_last().map(|(roots, chain)| (chain, roots))
    else {
        return Err(bad("no certificate".to_owned()));
    };
    let read = |pem: &str| {
        Certificate::all_from_pem(pem.as_bytes()).map_err(|fault| bad(fault.to_string()))
    };
    let mut chain = read(leaf)?;
    for pem in rest {
        chain.extend(read(pem)?);
    }
    let roots = Bundle::from_pem(roots.as_bytes()).map_err(|fault| bad(fault.to_string()))?;
    let trusted = fresh.map_or(
        &roots,
        |Trust {
             own: (_, bundle), ..
         }| bundle,
    );
    let Some(first) = chain.first() else {
        return Err(bad("no certificate".to_owned()));
    };
    let identity = first.identity().map_err(|fault| bad(fault.to_string()))?;
    let Credentials {
        trust_domain,
        namespace,
        ..
    } = credentials;
    if identity.trust_domain() != trust_domain || identity.namespace() != namespace {
        return Err(bad(format!(
            "{identity} is not of {trust_domain} and namespace {namespace}"
        )));
    }
    verify(&chain, &key, trusted, now).map_err(bad)?;
    Ok((
        Own {
            identity,
            chain,
            key,
        },
        roots,
    ))
}

/// Reads who is trusted.
pub(super) fn bundles(credentials: &Credentials, response: FetchResponse) -> Result<Trust, Fault> {
    let bad = |why: String| Fault::away(&format!("unusable trust bundles: {why}"));
    let FetchResponse { version, bundles } = response;
    let mut own = None;
    let mut others = Vec::new();
    for TrustBundle { trust_domain, pem } in bundles {
        let domain = TrustDomain::new(&trust_domain).map_err(|fault| bad(fault.to_string()))?;
        let bundle = Bundle::from_pem(pem.as_bytes())
            .map_err(|fault| bad(format!("{trust_domain}: {fault}")))?;
        if domain == credentials.trust_domain {
            own = Some((domain, bundle));
        } else {
            others.push((domain, bundle));
        }
    }
    let missing = || bad(format!("none for {}", credentials.trust_domain));
    Ok(Trust {
        version: Arc::from(version),
        own: own.ok_or_else(missing)?,
        others,
    })
}

/// Checks that a chain is valid now, signed by one of the roots, and for this key.
fn verify(chain: &[Certificate], key: &Key, trusted: &Bundle, now: u64) -> Result<(), String> {
    let text = |error: rustls::Error| error.to_string();
    let mut store = RootCertStore::empty();
    for root in trusted.ders() {
        store
            .add(CertificateDer::from(root.to_vec()))
            .map_err(text)?;
    }
    let chain: Vec<_> = chain
        .iter()
        .map(|c| CertificateDer::from(c.der().to_vec()))
        .collect();
    let (leaf, intermediates) = chain.split_first().ok_or("no certificate")?;
    let provider = provider();
    verify_server_cert_signed_by_trust_anchor(
        &ParsedCertificate::try_from(leaf).map_err(text)?,
        &store,
        intermediates,
        UnixTime::since_unix_epoch(Duration::from_secs(now)),
        provider.signature_verification_algorithms.all,
    )
    .map_err(text)?;
    // It fails when the key is not the leaf's.
    CertifiedKey::from_der(chain.clone(), key.der(), &provider)
        .map(drop)
        .map_err(text)
}
