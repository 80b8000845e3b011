//! Where signatures come from and which roots are trusted.
//!
//! Everything is read from files again and again, so that no missed event leaves an old root in
//! use. What can't be read, or doesn't fit, changes nothing.
//!
//! Reading order: [`Trust`], [`Roots`], then `rotation` for our own root, [`deposit`] for one that a
//! store shares among several programs, `plugged_in` for one that somebody else made.

pub mod deposit;
mod home;
mod plugged_in;
mod rotation;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ferromesh_identity::{Bundle, Certificate, TrustDomain};
use tokio::sync::watch;

use crate::authority::Lifetimes;
use crate::clock::Clock;
use crate::issuer::Issuer;
use crate::signer::Signer;
use crate::store::{self, Mode};
use home::Home;

/// The file in the state directory that carries the bundle.
pub const BUNDLE_FILE: &str = "root-cert.pem";

/// When to warn that nothing can be signed soon.
const NEAR: Duration = Duration::from_secs(30 * 24 * 3600);

/// How often to warn.
const REMIND: Duration = Duration::from_secs(24 * 3600);

/// Whom we trust and how we sign, at one time.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The roots of our own trust domain.
    pub bundle: Bundle,
    /// The same as PEM.
    pub pem: Arc<str>,
    /// Who signs.
    pub signs: Signs,
}

/// Who signs.
#[derive(Clone)]
pub enum Signs {
    /// This program.
    Here(Arc<Issuer>),
    /// Another one.
    Elsewhere(Arc<dyn Signer>),
}

/// How long a rotation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// How long old and new roots are both published before the new one signs: by then everybody
    /// should have got them.
    pub hold: Duration,
    /// How long the old root stays after that: until nobody has a leaf of it.
    pub retire: Duration,
}

/// Where a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// One root, which signs.
    Stable,
    /// Two roots are trusted, the old one signs.
    Introduced,
    /// Two roots are trusted, the new one signs.
    Switched,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable: one root, which signs",
            Self::Introduced => "introduced: both roots are trusted, the old one signs",
            Self::Switched => "switched: both roots are trusted, the new one signs",
        })
    }
}

/// Why there is nothing to sign with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootFault {
    /// A file can't be read, written or removed, or isn't what it should be.
    #[error("{path}: {what}")]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        what: String,
    },
    /// Certificates and key don't fit.
    #[error("{what}")]
    Unfit {
        /// In which way.
        what: String,
    },
}

/// Keeps the roots.
pub struct Roots {
    source: Source,
    publish: PathBuf,
    trust: watch::Sender<Arc<Trust>>,
    seen: Mutex<Vec<u8>>,
}

/// Where roots come from.
enum Source {
    Own(Home, Rotation),
    Deposited(Home),
    PluggedIn(PathBuf, TrustDomain),
    External(PathBuf, Arc<dyn Signer>),
}

/// What was read: the trust is made of it only if it is not what was read before.
struct Material {
    stage: Stage,
    content: Vec<u8>,
    trust: Box<dyn FnOnce() -> Result<Trust, RootFault>>,
}

impl Rotation {
    /// Long enough for leaves of these lifetimes. Clocks that differ by more than such a life make
    /// leaves useless in any case.
    pub fn of(lifetimes: &Lifetimes) -> Self {
        Self {
            hold: lifetimes.max,
            retire: lifetimes.max + 2 * lifetimes.skew.min(lifetimes.max),
        }
    }
}

impl Roots {
    /// Our own root in the state directory: made at the first start, rotated when asked.
    ///
    /// All of these publish the bundle as `STATE/root-cert.pem`.
    ///
    /// # Errors
    /// If the directory can't be used.
    pub fn own(
        state: &Path,
        trust_domain: &TrustDomain,
        rotation: Rotation,
        now: Duration,
    ) -> Result<Self, RootFault> {
        let home = Home::new(state, trust_domain);
        rotation::found(&home, now)?;
        Self::open(Source::Own(home, rotation), state, now)
    }

    /// Our own root, as a store has it from which it was [unpacked](deposit::unpack) into the state
    /// directory. Its rotation goes on there.
    ///
    /// # Errors
    /// If nothing that fits was unpacked.
    pub fn deposited(
        state: &Path,
        trust_domain: &TrustDomain,
        now: Duration,
    ) -> Result<Self, RootFault> {
        Self::open(
            Source::Deposited(Home::new(state, trust_domain)),
            state,
            now,
        )
    }

    /// An authority that somebody else made, in Istio's files `root-cert.pem`, `ca-cert.pem`,
    /// `ca-key.pem` and `cert-chain.pem` of a directory.
    ///
    /// # Errors
    /// If a file can't be read or they don't fit.
    pub fn plugged_in(
        directory: &Path,
        state: &Path,
        trust_domain: &TrustDomain,
        now: Duration,
    ) -> Result<Self, RootFault> {
        let source = Source::PluggedIn(directory.to_owned(), trust_domain.clone());
        Self::open(source, state, now)
    }

    /// A signer outside of this program, whose roots are in a file.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn external(
        roots: &Path,
        state: &Path,
        signer: Arc<dyn Signer>,
        now: Duration,
    ) -> Result<Self, RootFault> {
        Self::open(Source::External(roots.to_owned(), signer), state, now)
    }

    fn open(source: Source, state: &Path, now: Duration) -> Result<Self, RootFault> {
        let Material {
            stage: _,
            content,
            trust,
        } = source.read(now)?;
        let roots = Self {
            source,
            publish: state.join(BUNDLE_FILE),
            trust: watch::Sender::new(Arc::new(trust()?)),
            seen: Mutex::new(content),
        };
        roots.publish()?;
        Ok(roots)
    }

    /// Follows what is trusted and who signs.
    pub fn watch(&self) -> watch::Receiver<Arc<Trust>> {
        self.trust.subscribe()
    }

    /// Reads the files again and goes on with a rotation if it is time.
    ///
    /// # Errors
    /// If something can't be read or written; what was trusted before still is.
    pub fn step(&self, now: Duration) -> Result<Stage, RootFault> {
        let Material {
            stage,
            content,
            trust,
        } = self.source.read(now)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen != content {
            self.trust.send_replace(Arc::new(trust()?));
            *seen = content;
        }
        drop(seen);
        self.publish()?;
        Ok(stage)
    }

    /// Does [`Roots::step`] for ever, once in a period, and warns when the end is near.
    pub async fn keep(&self, clock: &dyn Clock, period: Duration) {
        let mut warned = Duration::ZERO;
        let mut known = None;
        loop {
            let now = clock.now();
            // Said once, not in every period.
            let fault = self.step(now).err();
            match &fault {
                Some(fault) if known.as_ref() != Some(fault) => {
                    tracing::warn!(%fault, "roots are as they were");
                }
                None if known.is_some() => tracing::info!("roots are read again"),
                Some(_) | None => {}
            }
            known = fault;
            let end = Duration::from_secs(self.trust.borrow().not_after());
            if end.saturating_sub(now) < NEAR && now.saturating_sub(warned) >= REMIND {
                warned = now;
                let days = end.saturating_sub(now).as_secs() / (24 * 3600);
                tracing::warn!(
                    days,
                    "what signs certificates is over soon (rotate the root)"
                );
            }
            tokio::time::sleep(period).await;
        }
    }

    fn publish(&self) -> Result<(), RootFault> {
        let pem = self.trust.borrow().pem.clone();
        let path = &self.publish;
        let published = store::read(path).map_err(|error| RootFault::at(path, &error))?;
        if published.as_deref() == Some(pem.as_bytes()) {
            return Ok(());
        }
        store::write(path, pem.as_bytes(), Mode::Public)
            .map_err(|error| RootFault::at(path, &error))
    }
}

impl Source {
    fn read(&self, now: Duration) -> Result<Material, RootFault> {
        match self {
            Self::Own(home, rotation) => rotation::read(home, *rotation, now),
            Self::Deposited(home) => rotation::read_only(home, now),
            Self::PluggedIn(directory, trust_domain) => {
                plugged_in::read(directory, trust_domain, now)
            }
            Self::External(roots, signer) => {
                let content = std::fs::read(roots).map_err(|error| RootFault::at(roots, &error))?;
                let (path, signer, pem) = (roots.clone(), signer.clone(), content.clone());
                Ok(Material {
                    stage: Stage::Stable,
                    content,
                    trust: Box::new(move || {
                        let bundle =
                            Bundle::from_pem(&pem).map_err(|fault| RootFault::at(&path, &fault))?;
                        Ok(Trust::new(bundle, Signs::Elsewhere(signer)))
                    }),
                })
            }
        }
    }
}

/// Begins the rotation of the root in a state directory, whether or not a program runs on it; a
/// running one goes on with it. Does nothing if one has begun.
///
/// # Errors
/// If there is no root of our own, or the directory can't be written.
pub fn begin_rotation(
    state: &Path,
    trust_domain: &TrustDomain,
    now: Duration,
) -> Result<Stage, RootFault> {
    rotation::begin(&Home::new(state, trust_domain), now)
}

impl Trust {
    fn new(bundle: Bundle, signs: Signs) -> Self {
        Self {
            pem: bundle.pem().into(),
            bundle,
            signs,
        }
    }

    /// The last second in which anything can be signed, since the Unix epoch: to be watched, for
    /// nothing works after it. Of an external signer only the roots are known.
    pub fn not_after(&self) -> u64 {
        match &self.signs {
            Signs::Here(issuer) => issuer.not_after(),
            Signs::Elsewhere(_) => {
                let ends = self.bundle.roots().iter().map(Certificate::not_after);
                ends.max().unwrap_or(0)
            }
        }
    }
}

impl RootFault {
    fn at(path: &Path, fault: &dyn std::fmt::Display) -> Self {
        Self::File {
            path: path.to_owned(),
            what: fault.to_string(),
        }
    }
}

impl std::fmt::Debug for Signs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here(issuer) => issuer.fmt(f),
            Self::Elsewhere(_) => f.write_str("an external signer"),
        }
    }
}

impl std::fmt::Debug for Roots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Roots")
            .field("publish", &self.publish)
            .field("trust", &*self.trust.borrow())
            .finish_non_exhaustive()
    }
}
