//! Secrets in files, under Istio's names: `file-cert:CERTIFICATE~KEY`, `file-root:PATH`, and `file-root:system` for the
//! authorities of the operating system.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ferromesh_envoy::tls::Secret;
use ferromesh_identity::Bundle;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::secret;
use super::store::Store;
use crate::identity::control_plane::provider;

/// How often files are read again.
const INTERVAL: Duration = Duration::from_secs(2);

/// The largest file that is read.
const LARGEST: u64 = 1 << 20;

/// How many of such secrets one Envoy gets.
const MOST: usize = 256;

/// The secrets in files that Envoy has asked for. Clones share them.
#[derive(Clone)]
pub struct Files {
    store: Store,
    wanted: Arc<Mutex<BTreeSet<String>>>,
}

/// What a name means.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Certificate { chain: PathBuf, key: PathBuf },
    Roots(PathBuf),
    System,
}

impl Files {
    /// Puts them there.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            wanted: Arc::default(),
        }
    }

    /// Reads a secret, now and from time to time, if the name is that of files.
    pub fn want(&self, name: &str) {
        let Some(meaning) = meaning(name) else {
            return;
        };
        {
            let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            if wanted.len() >= MOST || !wanted.insert(name.to_owned()) {
                return;
            }
        }
        match read(name, &meaning) {
            Ok(secret) => self.store.put(&secret),
            Err(why) => tracing::warn!(
                secret = name,
                why,
                "a secret cannot be read; envoy waits for it"
            ),
        }
    }

    /// Reads them from time to time, until it is dropped. What can't be read stays as it was.
    pub async fn follow(self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let wanted = self
                .wanted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            for name in wanted {
                let secret = meaning(&name).map(|meaning| read(&name, &meaning));
                match secret {
                    Some(Ok(secret)) => self.store.put(&secret),
                    Some(Err(why)) => {
                        tracing::debug!(secret = name, why, "a secret stays as it was")
                    }
                    None => {}
                }
            }
        }
    }
}

fn meaning(name: &str) -> Option<Meaning> {
    if let Some(files) = name.strip_prefix("file-cert:") {
        let (chain, key) = files.split_once('~')?;
        return Some(Meaning::Certificate {
            chain: chain.into(),
            key: key.into(),
        });
    }
    match name.strip_prefix("file-root:")? {
        "system" => Some(Meaning::System),
        path => Some(Meaning::Roots(path.into())),
    }
}

fn read(name: &str, meaning: &Meaning) -> Result<Secret, String> {
    match meaning {
        Meaning::Certificate { chain, key } => {
            let (chain, key) = (contents(chain)?, contents(key)?);
            match_key(&chain, &key)?;
            Ok(secret::certificate(name, chain, key))
        }
        Meaning::Roots(path) => {
            let pem = contents(path)?;
            Bundle::from_pem(pem.as_bytes())
                .map_err(|fault| format!("{}: {fault}", path.display()))?;
            Ok(secret::authorities(name, pem))
        }
        Meaning::System => {
            let found = rustls_native_certs::load_native_certs();
            if found.certs.is_empty() {
                return Err(
                    "the operating system has no authorities (package ca-certificates)".to_owned(),
                );
            }
            let pem = found
                .certs
                .iter()
                .map(|der| ferromesh_identity::certificate::pem(der));
            Ok(secret::authorities(name, pem.collect()))
        }
    }
}

/// A text file of bounded size.
fn contents(path: &Path) -> Result<String, String> {
    let fault = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = std::fs::File::open(path).map_err(fault)?;
    let mut text = String::new();
    let length = file
        .take(LARGEST + 1)
        .read_to_string(&mut text)
        .map_err(fault)?;
    if length as u64 > LARGEST {
        return Err(format!("{}: more than {LARGEST} bytes", path.display()));
    }
    Ok(text)
}

/// While files are being replaced, the key may be another certificate's.
fn match_key(chain: &str, key: &str) -> Result<(), String> {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("the certificate is no PEM: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|error| format!("the key is no PEM: {error}"))?;
    CertifiedKey::from_der(chain, key, &provider())
        .map(drop)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_istios() {
        assert_eq!(
            meaning("file-cert:/a/cert.pem~/a/key.pem"),
            Some(Meaning::Certificate {
                chain: "/a/cert.pem".into(),
                key: "/a/key.pem".into()
            })
        );
        assert_eq!(
            meaning("file-root:/a/root.pem"),
            Some(Meaning::Roots("/a/root.pem".into()))
        );
        assert_eq!(meaning("file-root:system"), Some(Meaning::System));
        for none in ["default", "file-cert:/a", "kubernetes://x", ""] {
            assert_eq!(meaning(none), None, "{none}");
        }
    }
}
