//! Keeps the certificate and the trust bundles fresh.

mod accept;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use ferromesh_identity::Certificate;
use tokio::sync::watch;
use tokio::time::Instant;

use super::control_plane::{self, Fault, FaultKind};
use super::held::{Held, Own, Trust};
use super::key::Key;
use super::outside::{Network, Outside, Plane};
use super::schedule;
use super::settings::Credentials;

/// How long a request for bundles waits for the next version.
const WAIT: Duration = Duration::from_secs(50);

/// How often they are asked for while the control plane can't wait.
const POLL: Duration = Duration::from_secs(30);

/// The key that keeps certificates alive, and everything that comes of it.
#[derive(Debug)]
pub struct Keeper<O = Network> {
    outside: O,
    credentials: Credentials,
    held: watch::Sender<Held>,
    counts: watch::Sender<Counts>,
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Certificates that were issued.
    pub issued: u64,
    /// Attempts that failed.
    pub failed: u64,
}

impl Keeper {
    /// Nothing is held yet.
    pub fn new(credentials: Credentials) -> Self {
        Self::in_world(Network, credentials)
    }
}

impl<O: Outside> Keeper<O> {
    /// The same in another world.
    fn in_world(outside: O, credentials: Credentials) -> Self {
        Self {
            outside,
            credentials,
            held: watch::Sender::new(Held::default()),
            counts: watch::Sender::new(Counts::default()),
        }
    }

    /// What is held, now and whenever it changes.
    pub fn held(&self) -> watch::Receiver<Held> {
        self.held.subscribe()
    }

    /// What has happened so far.
    pub fn counts(&self) -> watch::Receiver<Counts> {
        self.counts.subscribe()
    }

    /// Works until it is dropped.
    pub async fn run(self) {
        tokio::join!(self.renew(), self.follow());
    }

    /// Gets certificates, for ever.
    async fn renew(&self) {
        let mut failures = 0_u32;
        loop {
            let since = Instant::now();
            let pause = match self.certify().await {
                Ok(own) => {
                    failures = 0;
                    let rest = Duration::from_secs(own.expires().saturating_sub(self.now()));
                    let pause = schedule::renewal(rest, fastrand::f64());
                    tracing::info!(
                        identity = %own.identity,
                        serial = own.chain.first().map_or("", Certificate::serial),
                        valid_s = rest.as_secs(),
                        took_ms = since.elapsed().as_millis() as u64,
                        renewal_s = pause.as_secs(),
                        "a certificate was issued"
                    );
                    pause
                }
                Err(fault) => {
                    failures = failures.saturating_add(1);
                    let pause = schedule::pause(failures, fastrand::f64());
                    tracing::warn!(
                        reason = %fault,
                        attempts = failures,
                        next_ms = pause.as_millis() as u64,
                        "no certificate was issued"
                    );
                    self.counts.send_modify(|counts| counts.failed += 1);
                    let why = Arc::from(fault.to_string());
                    self.held.send_modify(|held| held.trouble = Some(why));
                    pause
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Gets one certificate and the bundles by which it is trusted.
    async fn certify(&self) -> Result<Arc<Own>, Fault> {
        let Held { own, trust, .. } = self.held.borrow().clone();
        let key = Key::generate().map_err(Fault::ours)?;
        let request = key.request().map_err(Fault::ours)?;
        let credentials = &self.credentials;
        let proof = control_plane::token(credentials);
        let valid = own.filter(|own| own.expires() > self.now());
        let token = match (&proof, &valid) {
            (Ok(token), _) => Some(token.as_str()),
            (Err(_), Some(_)) => None,
            (Err(fault), None) => return Err(fault.clone()),
        };
        let shown = if token.is_none() {
            valid.as_deref()
        } else {
            None
        };
        let mut plane = self.connect(trust.as_deref(), shown).await?;
        let answer = match (plane.certify(&request, token).await, &valid) {
            // A machine has its token only once; from then on its certificate proves who it is.
            (Err(fault), Some(own))
                if token.is_some() && fault.kind == FaultKind::Unauthenticated =>
            {
                plane = self.connect(trust.as_deref(), Some(own)).await?;
                plane.certify(&request, None).await.map_err(|_| fault)?
            }
            (answer, _) => answer?,
        };
        let fresh = match plane.bundles("", Duration::ZERO).await {
            Ok(response) => Some(accept::bundles(&self.credentials, response)?),
            // Another authority of Istio's kind: its answer says whom it trusts.
            Err(fault) if fault.kind == FaultKind::Unimplemented => None,
            Err(fault) => return Err(fault),
        };
        let (own, roots) =
            accept::certificate(credentials, &answer, key, fresh.as_ref(), self.now())?;
        let own = Arc::new(own);
        let trust = fresh.unwrap_or_else(|| Trust {
            version: Arc::from(""),
            own: (credentials.trust_domain.clone(), roots),
            others: Vec::new(),
        });
        self.held.send_modify(|held| {
            held.own = Some(Arc::clone(&own));
            held.trust = Some(Arc::new(trust));
            held.trouble = None;
        });
        self.counts.send_modify(|counts| counts.issued += 1);
        Ok(own)
    }

    /// Follows the bundles.
    async fn follow(&self) {
        let mut failures = 0_u32;
        loop {
            let pause = match self.poll(&mut failures).await {
                // Only an ended connection or a failure gets here.
                Ok(never) => match never {},
                Err(fault) if fault.kind == FaultKind::Unimplemented => POLL,
                Err(fault) => {
                    failures = failures.saturating_add(1);
                    tracing::debug!(reason = %fault, "the trust bundles are not followed");
                    schedule::pause(failures, fastrand::f64())
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Follows them on one connection. An answer ends a row of failures.
    async fn poll(&self, failures: &mut u32) -> Result<std::convert::Infallible, Fault> {
        // The first bundles come with the first certificate.
        let mut held = self.held.subscribe();
        // The sender is our own.
        let _ = held.wait_for(|held| held.trust.is_some()).await;
        let trust = self.held.borrow().trust.clone();
        let mut plane = self.connect(trust.as_deref(), None).await?;
        loop {
            let known = self
                .held
                .borrow()
                .trust
                .as_ref()
                .map_or(Arc::from(""), |trust| trust.version.clone());
            let response = plane.bundles(&known, WAIT).await?;
            *failures = 0;
            if response.version == *known {
                continue;
            }
            let trust = accept::bundles(&self.credentials, response)?;
            tracing::info!(version = %trust.version, "the trust bundles have changed");
            self.held
                .send_modify(|held| held.trust = Some(Arc::new(trust)));
        }
    }

    async fn connect(&self, trust: Option<&Trust>, own: Option<&Own>) -> Result<O::Plane, Fault> {
        self.outside.connect(&self.credentials, trust, own).await
    }

    /// Seconds since the Unix epoch.
    fn now(&self) -> u64 {
        let since = self.outside.now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }
}
