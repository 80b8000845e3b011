//! The rotation of our own root, as a state in a file.
//!
//! `Stable` → *begin*: a new root is made and trusted beside the old one → `Introduced` → after a
//! while the new root signs, and sends along a certificate of its key by the old root, so that
//! even those who know only the old one trust what it signs → `Switched` → when no leaf of the old
//! root is left, it goes → `Stable`.
//!
//! Each step first makes what it needs and then renames one file, so that it has happened or not
//! happened; whatever a crash leaves behind is not named there and is removed.

use std::time::Duration;

use ferromesh_identity::Bundle;
use serde::{Deserialize, Serialize};

use super::home::{Home, Stored};
use super::{Material, RootFault, Rotation, Signs, Stage, Trust};
use crate::issuer::{Chain, Issuer};
use crate::store::{self, Busy, Mode};

/// Which roots count. Times are seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "lowercase", deny_unknown_fields)]
enum State {
    Stable {
        root: String,
    },
    Introduced {
        old: String,
        new: String,
        since: u64,
    },
    Switched {
        old: String,
        new: String,
        since: u64,
    },
}

impl State {
    fn stage(&self) -> Stage {
        match self {
            Self::Stable { root: _ } => Stage::Stable,
            Self::Introduced { .. } => Stage::Introduced,
            Self::Switched { .. } => Stage::Switched,
        }
    }

    /// The root that signs first, and then others that are trusted.
    fn roots(&self) -> Vec<&str> {
        match self {
            Self::Stable { root } => vec![root],
            Self::Introduced { old, new, since: _ } => vec![old, new],
            Self::Switched { old, new, since: _ } => vec![new, old],
        }
    }

    /// The next state, if it is time.
    fn next(&self, rotation: Rotation, now: Duration) -> Option<Self> {
        let over = |since: u64, wait| now.saturating_sub(Duration::from_secs(since)) >= wait;
        match self {
            Self::Introduced { old, new, since } if over(*since, rotation.hold) => {
                Some(Self::Switched {
                    old: old.clone(),
                    new: new.clone(),
                    since: now.as_secs(),
                })
            }
            Self::Switched { old: _, new, since } if over(*since, rotation.retire) => {
                Some(Self::Stable { root: new.clone() })
            }
            Self::Stable { .. } | Self::Introduced { .. } | Self::Switched { .. } => None,
        }
    }
}

/// Makes the first root, if there is none.
pub(super) fn found(home: &Home, now: Duration) -> Result<(), RootFault> {
    let _lock = home.lock(Busy::Wait)?;
    if load(home)?.is_some() {
        return Ok(());
    }
    if let Some(path) = home.has_published() {
        let state = home.state_file();
        return Err(RootFault::at(
            path,
            &format!(
                "was published, but {} is gone (restore it, or remove both for a new root that nobody trusts yet)",
                state.display()
            ),
        ));
    }
    let root = home.make(None, now)?;
    save(home, &State::Stable { root })
}

/// Begins a rotation, if none has begun.
pub(super) fn begin(home: &Home, now: Duration) -> Result<Stage, RootFault> {
    let _lock = home.lock(Busy::Wait)?;
    let state = needed(home)?;
    let State::Stable { root } = &state else {
        return Ok(state.stage());
    };
    let old = home.load(root)?;
    let state = State::Introduced {
        old: root.clone(),
        new: home.make(Some(&old), now)?,
        since: now.as_secs(),
    };
    save(home, &state)?;
    Ok(state.stage())
}

/// Goes on if it is time, and reads what counts then.
pub(super) fn read(home: &Home, rotation: Rotation, now: Duration) -> Result<Material, RootFault> {
    let _lock = home.lock(Busy::Fail)?;
    let state = advance(home, rotation, now)?;
    material(home, &state, now)
}

/// Goes on if it is time.
pub(super) fn step(home: &Home, rotation: Rotation, now: Duration) -> Result<(), RootFault> {
    let _lock = home.lock(Busy::Wait)?;
    advance(home, rotation, now).map(drop)
}

fn advance(home: &Home, rotation: Rotation, now: Duration) -> Result<State, RootFault> {
    let mut state = needed(home)?;
    if let Some(next) = state.next(rotation, now) {
        save(home, &next)?;
        tracing::info!(stage = ?next.stage(), "the rotation of the root goes on");
        state = next;
    }
    home.remove_all_but(&state.roots())?;
    Ok(state)
}

/// Reads what counts; somebody else goes on with the rotation.
pub(super) fn read_only(home: &Home, now: Duration) -> Result<Material, RootFault> {
    let _lock = home.lock(Busy::Fail)?;
    material(home, &needed(home)?, now)
}

fn material(home: &Home, state: &State, now: Duration) -> Result<Material, RootFault> {
    let roots = state
        .roots()
        .into_iter()
        .map(|id| home.load(id))
        .collect::<Result<Vec<_>, _>>()?;
    let (stage, home) = (state.stage(), home.clone());
    Ok(Material {
        stage,
        content: roots.iter().flat_map(Stored::content).collect(),
        trust: Box::new(move || trust(&home, &roots, now)),
    })
}

fn trust(home: &Home, roots: &[Stored], now: Duration) -> Result<Trust, RootFault> {
    let unfit = |what: String| RootFault::Unfit { what };
    let bundle = Bundle::new(roots.iter().map(|root| root.certificate.clone()).collect())
        .map_err(|fault| unfit(fault.to_string()))?;
    let signing = roots.first().ok_or_else(|| unfit("no root".to_owned()))?;
    // Only as long as the old root is trusted does it help to send along what it says.
    let cross = signing
        .cross
        .iter()
        .filter(|cross| roots.len() > 1 && cross.is_valid_at(now.as_secs()));
    let chain = Chain {
        path: vec![signing.certificate.clone()],
        aside: cross.cloned().collect(),
    };
    let issuer = Issuer::new(&chain, &signing.key()?, &bundle, (&home.trust_domain, now))?;
    Ok(Trust::new(bundle, Signs::Here(issuer.into())))
}

fn needed(home: &Home) -> Result<State, RootFault> {
    load(home)?.ok_or_else(|| {
        RootFault::at(
            &home.state_file(),
            &"there is no root of our own (the program that serves it makes one at its first start)",
        )
    })
}

fn load(home: &Home) -> Result<Option<State>, RootFault> {
    let path = home.state_file();
    let Some(bytes) = store::read(&path).map_err(|error| RootFault::at(&path, &error))? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| RootFault::at(&path, &format!("{error} (restore the state directory)")))
}

fn save(home: &Home, state: &State) -> Result<(), RootFault> {
    let path = home.state_file();
    let text = serde_json::to_vec(state).map_err(|error| RootFault::at(&path, &error))?;
    store::write(&path, &text, Mode::Private).map_err(|error| RootFault::at(&path, &error))
}

#[cfg(test)]
mod tests;
