//! Istio's `CreateCertificate`: bytes in, bytes out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ferromesh_identity::SpiffeId;
use ferromesh_proto::auth::{CERT_SIGNER, IMPERSONATED_IDENTITY};
use ferromesh_proto::{IstioCertificateRequest, IstioCertificateResponse};
use tokio::sync::watch;

use crate::attest::{Attested, Attestor, Credentials};
use crate::authority::{Authority, Issued};
use crate::clock::Clock;
use crate::csr::Csr;
use crate::limits::{Limits, Lines};
use crate::metrics::Metrics;
use crate::refusal::{Reason, Refusal};
use crate::roots::Trust;

pub use crate::limits::Rate;

/// The longest token.
pub const LONGEST_TOKEN: usize = 8 * 1024;

/// A status of gRPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The code.
    pub code: u8,
    /// The reason word, and what exactly.
    pub message: String,
}

/// What the service is made of.
pub struct Settings {
    /// Asked in this order; the first that knows the kind of credentials decides.
    pub attestors: Vec<Box<dyn Attestor>>,
    /// Who signs; see [`crate::Roots::watch`].
    pub trust: watch::Receiver<Arc<Trust>>,
    /// What certificates say.
    pub authority: Authority,
    /// How many certificates one identity gets.
    pub rate: Rate,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// One call of the service.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The value of the header `authorization`; never logged.
    pub authorization: Option<&'a str>,
    /// The client certificate and its intermediates as DER, verified by TLS; empty without one.
    pub chain: &'a [Vec<u8>],
    /// The message, without the five bytes that gRPC puts in front.
    pub body: &'a [u8],
}

/// Attests, then signs.
pub struct Service {
    attestors: Vec<Box<dyn Attestor>>,
    trust: watch::Receiver<Arc<Trust>>,
    authority: Authority,
    limits: Limits,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    lines: Lines,
}

impl Service {
    /// A service.
    pub fn new(settings: Settings) -> Self {
        let Settings {
            attestors,
            trust,
            authority,
            rate,
            clock,
        } = settings;
        Self {
            attestors,
            trust,
            authority,
            limits: Limits::new(rate),
            clock,
            metrics: Metrics::default(),
            lines: Lines::default(),
        }
    }

    /// What has been issued and refused.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Follows what is trusted and who signs.
    pub fn trust(&self) -> watch::Receiver<Arc<Trust>> {
        self.trust.clone()
    }

    /// What decides what certificates say.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The time of its clock, since the Unix epoch.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Answers `istio.v1.auth.IstioCertificateService/CreateCertificate`.
    ///
    /// # Errors
    /// If the caller gets no certificate.
    pub async fn create_certificate(&self, call: Call<'_>) -> Result<Bytes, Status> {
        let mut who = None;
        match self.answer(call, &mut who).await {
            Ok(issued) => {
                self.metrics.count_issued();
                Ok(response(issued).render())
            }
            Err(refusal) => {
                self.metrics.count_refused(refusal.reason);
                self.log(&refusal, who.as_ref());
                Err(refusal.into())
            }
        }
    }

    /// Refusals are counted one by one, but a flood of them doesn't fill the disk.
    fn log(&self, refusal: &Refusal, who: Option<&SpiffeId>) {
        let Refusal { reason, detail } = refusal;
        let identity = who.map(SpiffeId::to_string).unwrap_or_default();
        if self.lines.write(self.clock.now()) {
            tracing::warn!(%reason, identity, "no certificate: {detail}");
        } else {
            tracing::debug!(%reason, identity, "no certificate: {detail}");
        }
    }

    /// The order matters: nothing that the caller sent is parsed before it is known who it is, and
    /// `who` is known for the log as soon as it is.
    async fn answer(&self, call: Call<'_>, who: &mut Option<SpiffeId>) -> Result<Issued, Refusal> {
        let now = self.clock.now();
        let attested = self.attest(call, now).await?;
        *who = Some(attested.identity.clone());
        self.authority.admit(&attested)?;
        if !self.limits.take(&attested.identity, now) {
            return Err(Refusal::new(
                Reason::RateLimited,
                format!("too many requests of {} (try later)", attested.identity),
            ));
        }
        let request = IstioCertificateRequest::parse(call.body)
            .map_err(|error| Refusal::new(Reason::MalformedRequest, error.to_string()))?;
        check_wishes(&request)?;
        let csr = Csr::parse(&request.csr)?;
        let trust = self.trust.borrow().clone();
        self.authority
            .issue(&trust, (&csr, request.validity_duration), &attested, now)
            .await
    }

    async fn attest(&self, call: Call<'_>, now: Duration) -> Result<Attested, Refusal> {
        let credentials = Credentials {
            token: call.authorization.map(bearer).transpose()?,
            chain: call.chain,
        };
        for attestor in &self.attestors {
            if let Some(answer) = attestor.attest(credentials, now).await {
                return answer;
            }
        }
        Err(Refusal::new(
            Reason::NoCredentials,
            match (credentials.token, credentials.chain) {
                (Some(_), _) => "nobody here knows this kind of token",
                (None, []) => "neither a bearer token nor a client certificate",
                (None, _) => "a client certificate is no proof here (send a token)",
            },
        ))
    }
}

/// The token of an `authorization` header.
fn bearer(header: &str) -> Result<&str, Refusal> {
    let malformed = |what: &str| Refusal::new(Reason::MalformedToken, format!("token: {what}"));
    let token = match header.split_at_checked("Bearer ".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer ") => token.trim(),
        _ => {
            return Err(malformed(
                "not a bearer token (expected authorization: Bearer TOKEN)",
            ));
        }
    };
    if token.len() > LONGEST_TOKEN {
        return Err(Refusal::new(
            Reason::OversizedToken,
            format!("token: {} bytes (at most {LONGEST_TOKEN})", token.len()),
        ));
    }
    if token.is_empty() {
        return Err(malformed("empty"));
    }
    Ok(token)
}

/// Refuses what nobody may ask for. Other metadata says nothing about the certificate.
fn check_wishes(request: &IstioCertificateRequest) -> Result<(), Refusal> {
    for wish in request.wishes() {
        match wish {
            IMPERSONATED_IDENTITY => {
                return Err(Refusal::new(
                    Reason::Impersonation,
                    format!("metadata.{wish}: nobody gets a certificate for somebody else"),
                ));
            }
            CERT_SIGNER => {
                return Err(Refusal::new(
                    Reason::SignerMetadata,
                    format!("metadata.{wish}: the signer is the same for all (leave it out)"),
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Istio's form: the leaf, its intermediates if any, the roots.
fn response(issued: Issued) -> IstioCertificateResponse {
    let Issued {
        leaf,
        intermediates,
        roots,
        not_after: _,
    } = issued;
    let mut cert_chain = vec![leaf];
    if !intermediates.is_empty() {
        cert_chain.push(intermediates.to_string());
    }
    cert_chain.push(roots.to_string());
    IstioCertificateResponse { cert_chain }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.reason.code(),
            message: refusal.to_string(),
        }
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("metrics", &self.metrics)
            .finish_non_exhaustive()
    }
}
