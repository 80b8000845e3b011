//! Signers outside of this program. What they answer is verified before anybody gets it.

use std::pin::Pin;
use std::time::Duration;

use ferromesh_identity::certificate::Role;
use ferromesh_identity::workload::SUFFIX;
use ferromesh_identity::{Bundle, Certificate, SpiffeId};
use rcgen::PublicKeyData;

use crate::csr::Csr;
use crate::refusal::{Reason, Refusal};
use crate::verify;

/// How long a signer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an external signer is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The signing request as DER. It may name nobody: the names are those below.
    pub csr: &'a [u8],
    /// The one URI among the subject alternative names.
    pub identity: &'a SpiffeId,
    /// The DNS names among the subject alternative names; the answer may leave them out.
    pub dns_names: &'a [String],
    /// How long it shall be valid.
    pub lifetime: Duration,
    /// How long it may be valid at most, should the signer not do as it is asked.
    pub longest: Duration,
}

/// Why an external signer doesn't sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerFault {
    /// It may not sign these DNS names; the order is repeated without them.
    #[error("the signer refuses the dns names: {0}")]
    DnsNames(String),
    /// It doesn't work at this time.
    #[error("the signer is not available: {0}")]
    Unavailable(String),
}

/// What an external signer answers, at some time: the leaf and its intermediates as PEM.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<String, SignerFault>> + Send + 'a>>;

/// Signs outside of this program.
pub trait Signer: Send + Sync + 'static {
    /// Signs.
    fn sign<'a>(&'a self, order: Order<'a>) -> Answer<'a>;
}

/// A verified answer.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) leaf: Certificate,
    pub(crate) intermediates: Vec<Certificate>,
}

impl Signed {
    pub(crate) fn ders(&self) -> Vec<Vec<u8>> {
        std::iter::once(&self.leaf)
            .chain(&self.intermediates)
            .map(|one| one.der().to_vec())
            .collect()
    }
}

/// Asks a signer, without the DNS names if it refuses them, and verifies what it answers.
pub(crate) async fn ask(
    signer: &dyn Signer,
    order: Order<'_>,
    (csr, roots): (&Csr, &Bundle),
    now: Duration,
) -> Result<Signed, Refusal> {
    let answer = match patient(signer, order).await {
        Err(SignerFault::DnsNames(_)) => {
            let nameless = Order {
                dns_names: &[],
                ..order
            };
            patient(signer, nameless).await
        }
        other => other,
    };
    let pem = answer.map_err(|fault| Refusal::new(Reason::Unavailable, fault.to_string()))?;
    checked(&pem, order, (csr, roots), now)
        .map_err(|what| Refusal::new(Reason::BadAnswer, format!("the signer's answer: {what}")))
}

/// A signer that never answers mustn't keep its callers for ever.
async fn patient(signer: &dyn Signer, order: Order<'_>) -> Result<String, SignerFault> {
    tokio::time::timeout(PATIENCE, signer.sign(order))
        .await
        .unwrap_or_else(|_| Err(SignerFault::Unavailable("no answer".to_owned())))
}

fn checked(
    pem: &str,
    order: Order<'_>,
    (csr, roots): (&Csr, &Bundle),
    now: Duration,
) -> Result<Signed, String> {
    let mut chain = Certificate::all_from_pem(pem.as_bytes()).map_err(|fault| fault.to_string())?;
    let leaf = chain.remove(0);
    let identity = leaf.identity().map_err(|fault| fault.to_string())?;
    if identity != *order.identity {
        return Err(format!("it is for {identity}, not for {}", order.identity));
    }
    if leaf.role() != Role::Leaf {
        return Err("it may sign certificates".to_owned());
    }
    if leaf.other_names() > 0
        || !leaf
            .dns_names()
            .iter()
            .all(|name| order.dns_names.contains(name))
    {
        return Err(format!(
            "it has names that nobody asked for: {:?} (leave names out, or end them in {SUFFIX} as asked)",
            leaf.dns_names()
        ));
    }
    let longest = (now + order.longest).as_secs();
    if leaf.not_after() > longest {
        let beyond = leaf.not_after() - longest;
        return Err(format!(
            "it is valid for {beyond} s more than the longest life of a certificate here"
        ));
    }
    if !has_key(&leaf, csr) {
        return Err("it has another key".to_owned());
    }
    chain.retain(|one| !roots.roots().contains(one));
    let signed = Signed {
        leaf,
        intermediates: chain,
    };
    verify::peer(&signed.ders(), roots, now)
        .map_err(|error| format!("it doesn't lead to a trusted root: {error:?}"))?;
    Ok(signed)
}

fn has_key(certificate: &Certificate, csr: &Csr) -> bool {
    x509_parser::parse_x509_certificate(certificate.der())
        .is_ok_and(|(_, read)| read.public_key().subject_public_key.as_ref() == csr.der_bytes())
}
