//! Where signatures come from and which roots are trusted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ferromesh_identity::{Bundle, TrustDomain};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::signer::Signer;

/// Whom we trust and how we sign, at one time.
#[derive(Debug)]
pub struct Trust {
    /// The roots of our own trust domain.
    pub bundle: Bundle,
    /// The same as PEM.
    pub pem: Arc<str>,
}

/// What [`Roots`] does with its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// How long old and new roots are both published before the new one signs: all proxies have
    /// to have got them by then.
    pub hold: Duration,
    /// How long the old root stays after that: the longest life of a leaf, and the skew of clocks.
    pub retire: Duration,
}

/// Why there is no root to sign with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootFault {
    /// A file can't be read, written or removed.
    #[error("{path}: {what}")]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        what: String,
    },
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

/// Keeps the roots.
#[derive(Debug)]
pub struct Roots {
    trust: watch::Sender<Arc<Trust>>,
}

impl Roots {
    /// Our own root in the state directory: made at the first start, rotated when asked.
    /// Publishes `STATE/root-cert.pem`.
    ///
    /// # Errors
    /// If the directory can't be used.
    pub fn own(
        state: &Path,
        trust_domain: &TrustDomain,
        rotation: Rotation,
        now: Duration,
    ) -> Result<Self, RootFault> {
        let _ = (trust_domain, rotation, now);
        Err(RootFault::File {
            path: state.to_owned(),
            what: "not built yet".to_owned(),
        })
    }

    /// An authority that somebody else made, in Istio's files `root-cert.pem`, `ca-cert.pem`,
    /// `ca-key.pem` and `cert-chain.pem` of a directory.
    ///
    /// # Errors
    /// If a file can't be read or they don't fit.
    pub fn plugged_in(
        directory: &Path,
        trust_domain: &TrustDomain,
        now: Duration,
    ) -> Result<Self, RootFault> {
        let _ = (trust_domain, now);
        Err(RootFault::File {
            path: directory.to_owned(),
            what: "not built yet".to_owned(),
        })
    }

    /// A signer outside of this program, whose roots are in a file.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn external(roots: &Path, signer: Arc<dyn Signer>) -> Result<Self, RootFault> {
        let _ = signer;
        Err(RootFault::File {
            path: roots.to_owned(),
            what: "not built yet".to_owned(),
        })
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
        let _ = now;
        Ok(Stage::Stable)
    }

    /// Does [`Roots::step`] for ever, once in a period.
    pub async fn keep(&self, clock: &dyn Clock, period: Duration) {
        loop {
            if let Err(fault) = self.step(clock.now()) {
                tracing::warn!(%fault, "roots are as they were");
            }
            tokio::time::sleep(period).await;
        }
    }
}

/// Begins the rotation of the root in a state directory, whether or not a program runs on it; a
/// running one goes on with it. Does nothing if one has begun.
///
/// # Errors
/// If there is no root, or the directory can't be written.
pub fn begin_rotation(
    state: &Path,
    trust_domain: &TrustDomain,
    now: Duration,
) -> Result<Stage, RootFault> {
    let _ = (state, trust_domain, now);
    Ok(Stage::Stable)
}
