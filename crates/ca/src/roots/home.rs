//! Roots of our own on disk: `STATE/ca/ID/{root-cert,root-key,cross-cert}.pem`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ferromesh_identity::{Certificate, TrustDomain};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::RootFault;
use crate::issuer::{serial, set_validity};
use crate::store::{self, Busy, Mode};

/// How long a root of ours is valid: ten years, as Istio's.
const LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// By how much the clocks of those who verify may be behind.
const SKEW: Duration = Duration::from_secs(3600);

/// The random bytes of a root's name.
const ID_BYTES: usize = 8;

/// The directory of our own roots.
#[derive(Clone, Debug)]
pub(super) struct Home {
    directory: PathBuf,
    published: PathBuf,
    pub(super) trust_domain: TrustDomain,
}

/// A root as it is stored.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) certificate: Certificate,
    /// The same key, signed by the root before it.
    pub(super) cross: Option<Certificate>,
    key: Vec<u8>,
}

impl Home {
    pub(super) fn new(state: &Path, trust_domain: &TrustDomain) -> Self {
        Self {
            directory: state.join("ca"),
            published: state.join(super::BUNDLE_FILE),
            trust_domain: trust_domain.clone(),
        }
    }

    /// Makes the directory, and keeps others from writing into it.
    pub(super) fn lock(&self, busy: Busy) -> Result<File, RootFault> {
        let at = |error| RootFault::at(&self.directory, &error);
        store::make_private_directory(&self.directory).map_err(at)?;
        store::lock(&self.directory, busy).map_err(at)
    }

    /// The file that says which roots count.
    pub(super) fn state_file(&self) -> PathBuf {
        self.directory.join("rotation.json")
    }

    /// Whether a bundle has been published: there was a root then.
    pub(super) fn has_published(&self) -> Option<&Path> {
        self.published.exists().then_some(&*self.published)
    }

    /// Makes a new root and stores it; nothing counts it yet.
    pub(super) fn make(&self, before: Option<&Stored>, now: Duration) -> Result<String, RootFault> {
        let fault = |error: rcgen::Error| RootFault::Unfit {
            what: error.to_string(),
        };
        let id = random_id()?;
        let key = KeyPair::generate().map_err(fault)?;
        let mut params = self.params(&id, now).map_err(fault)?;
        let certificate = params.self_signed(&key).map_err(fault)?;
        let cross = match before {
            Some(before) => {
                let end = before.certificate.not_after();
                set_validity(&mut params, (now.saturating_sub(SKEW)).as_secs(), end);
                params.serial_number = Some(serial().map_err(fault)?);
                params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
                let issuer = before.issuer()?;
                Some(params.signed_by(&key, &issuer).map_err(fault)?)
            }
            None => None,
        };
        let directory = self.directory.join(&id);
        store::make_private_directory(&directory)
            .map_err(|error| RootFault::at(&directory, &error))?;
        let write = |name: &str, text: String, mode| {
            let path = directory.join(name);
            store::write(&path, text.as_bytes(), mode).map_err(|error| RootFault::at(&path, &error))
        };
        write("root-key.pem", key.serialize_pem(), Mode::Private)?;
        write("root-cert.pem", certificate.pem(), Mode::Public)?;
        if let Some(cross) = cross {
            write("cross-cert.pem", cross.pem(), Mode::Public)?;
        }
        Ok(id)
    }

    fn params(&self, id: &str, now: Duration) -> Result<CertificateParams, rcgen::Error> {
        let mut params = CertificateParams::default();
        let mut name = DistinguishedName::new();
        name.push(DnType::OrganizationName, self.trust_domain.as_str());
        // Two roots never have one name, so nobody takes the one for the other.
        name.push(DnType::CommonName, format!("ferromesh root {id}"));
        params.distinguished_name = name;
        params.serial_number = Some(serial()?);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.use_authority_key_identifier_extension = true;
        let begin = now.saturating_sub(SKEW).as_secs();
        set_validity(&mut params, begin, (now + LIFE).as_secs());
        Ok(params)
    }

    /// Reads a root.
    pub(super) fn load(&self, id: &str) -> Result<Stored, RootFault> {
        let directory = self.directory.join(id);
        let read = |name: &str| {
            let path = directory.join(name);
            let bytes = store::read(&path).map_err(|error| RootFault::at(&path, &error))?;
            Ok::<_, RootFault>((bytes, path))
        };
        let needed = |(bytes, path): (Option<Vec<u8>>, PathBuf)| {
            let bytes = bytes
                .ok_or_else(|| RootFault::at(&path, &"is gone (restore the state directory)"))?;
            Ok::<_, RootFault>((bytes, path))
        };
        let certificate = one(needed(read("root-cert.pem")?)?)?;
        let cross = match read("cross-cert.pem")? {
            (Some(bytes), path) => Some(one((bytes, path))?),
            (None, _) => None,
        };
        let (key, _) = needed(read("root-key.pem")?)?;
        Ok(Stored {
            certificate,
            cross,
            key,
        })
    }

    /// Removes roots that don't count: those that are over, and those of a crash.
    pub(super) fn remove_all_but(&self, kept: &[&str]) -> Result<(), RootFault> {
        let at = |error| RootFault::at(&self.directory, &error);
        for entry in fs::read_dir(&self.directory).map_err(at)? {
            let entry = entry.map_err(at)?;
            let name = entry.file_name();
            let over = !kept.contains(&&*name.to_string_lossy());
            if over && entry.file_type().map_err(at)?.is_dir() {
                store::remove_directory(&entry.path()).map_err(at)?;
            }
        }
        Ok(())
    }
}

impl Stored {
    /// Its key.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, RootFault> {
        PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| RootFault::Unfit {
            what: "the key of the root is no PEM".to_owned(),
        })
    }

    /// All of it, to tell whether it has changed.
    pub(super) fn content(&self) -> Vec<u8> {
        let cross = self.cross.as_ref().map(Certificate::der);
        [self.certificate.der(), cross.unwrap_or_default(), &self.key].concat()
    }

    fn issuer(&self) -> Result<rcgen::Issuer<'static, KeyPair>, RootFault> {
        let fault = |error: rcgen::Error| RootFault::Unfit {
            what: error.to_string(),
        };
        let key = KeyPair::try_from(&self.key()?).map_err(fault)?;
        let certificate = CertificateDer::from(self.certificate.der());
        rcgen::Issuer::from_ca_cert_der(&certificate, key).map_err(fault)
    }
}

fn one((bytes, path): (Vec<u8>, PathBuf)) -> Result<Certificate, RootFault> {
    let mut all =
        Certificate::all_from_pem(&bytes).map_err(|fault| RootFault::at(&path, &fault))?;
    Ok(all.remove(0))
}

fn random_id() -> Result<String, RootFault> {
    let mut bytes = [0; ID_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| RootFault::Unfit {
        what: "no random numbers".to_owned(),
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
