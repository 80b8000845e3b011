//! An authority that somebody else made, in the files that Istio reads from the secret `cacerts`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ferromesh_identity::{Bundle, Certificate, TrustDomain};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

use super::{Material, RootFault, Signs, Stage, Trust};
use crate::issuer::{Chain, Issuer};
use crate::store;

/// The files as they were read.
struct Files {
    directory: PathBuf,
    root: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
    /// Empty if there is none: the signing certificate is a root's child then, or a root.
    chain: Vec<u8>,
}

/// Reads the files.
pub(super) fn read(
    directory: &Path,
    trust_domain: &TrustDomain,
    now: Duration,
) -> Result<Material, RootFault> {
    let optional = |name: &str| {
        let path = directory.join(name);
        store::read(&path).map_err(|error| RootFault::at(&path, &error))
    };
    let needed = |name: &str| {
        let missing = || RootFault::at(&directory.join(name), &"there is no such file");
        optional(name)?.ok_or_else(missing)
    };
    let files = Files {
        directory: directory.to_owned(),
        root: needed("root-cert.pem")?,
        certificate: needed("ca-cert.pem")?,
        key: needed("ca-key.pem")?,
        chain: optional("cert-chain.pem")?.unwrap_or_default(),
    };
    let content = [&files.root, &files.certificate, &files.key, &files.chain]
        .map(|part| part.as_slice())
        .concat();
    let trust_domain = trust_domain.clone();
    Ok(Material {
        stage: Stage::Stable,
        content,
        trust: Box::new(move || trust(&files, &trust_domain, now)),
    })
}

fn trust(files: &Files, trust_domain: &TrustDomain, now: Duration) -> Result<Trust, RootFault> {
    let Files {
        directory,
        root,
        certificate,
        key,
        chain,
    } = files;
    let at =
        |name: &str, fault: &dyn std::fmt::Display| RootFault::at(&directory.join(name), fault);
    let bundle = Bundle::from_pem(root).map_err(|fault| at("root-cert.pem", &fault))?;
    let mut path =
        Certificate::all_from_pem(certificate).map_err(|fault| at("ca-cert.pem", &fault))?;
    if !chain.is_empty() {
        let more =
            Certificate::all_from_pem(chain).map_err(|fault| at("cert-chain.pem", &fault))?;
        for certificate in more {
            // Istio's chain begins with the signing certificate and may end with the root.
            if !path.contains(&certificate) {
                path.push(certificate);
            }
        }
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| at("ca-key.pem", &"no PEM key"))?;
    let chain = Chain {
        path,
        aside: Vec::new(),
    };
    let issuer = Issuer::new(&chain, &key, &bundle, (trust_domain, now))
        .map_err(|fault| at("ca-cert.pem", &fault))?;
    Ok(Trust::new(bundle, Signs::Here(issuer.into())))
}
