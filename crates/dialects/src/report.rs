//! Diagnostics into the status of their object.
//!
//! A status says what became of one generation of an object, by conditions as the Gateway API has
//! them: whether it is accepted, whether what it refers to is there, and whether proxies have it.
//! It holds nothing that changes while pods come and go, so that scaling writes nothing.
//!
//! Reading order: this file, `topic` (which condition a remark belongs to), `text`.

mod text;
mod topic;

use ferromesh_mesh::diagnostic::{Diagnostic, Severity};

use crate::kinds::{Treatment, find};
use text::{joined, words};
use topic::{Topic, topic};

/// What is known of an object besides the remarks on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// The generation that the remarks are about.
    pub generation: i64,
    /// Which version of it counts.
    pub force: Force,
    /// How far that has come.
    pub progress: Progress,
}

/// Which version of an object counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// The newest.
    Newest,
    /// The newest is refused; an older one stays in force.
    Older,
    /// The newest is refused and there is no older one: what is sound in it is in force.
    SoundPart,
}

/// How far a version has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Every proxy that it concerns has taken it.
    Taken,
    /// There was no proxy that could have taken it.
    NoProxies,
    /// Some proxy has not answered yet.
    Pending,
}

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The generation that all of this is about.
    pub observed_generation: i64,
    /// What holds of it, in a fixed order.
    pub conditions: Vec<Condition>,
}

/// Something that holds of an object or doesn't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What.
    pub kind: ConditionKind,
    /// Whether it does.
    pub holds: bool,
    /// Why, as one word.
    pub reason: &'static str,
    /// Why, for people; may be empty.
    pub message: String,
}

/// What may hold of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionKind {
    /// It is well-formed by itself.
    Accepted,
    /// Everything that it refers to is there.
    ResolvedRefs,
    /// Another object says otherwise and comes first. Only there while it holds.
    Conflicted,
    /// Proxies have it.
    Programmed,
}

impl ConditionKind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Accepted,
        Self::ResolvedRefs,
        Self::Conflicted,
        Self::Programmed,
    ];

    /// Its name in a status.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::ResolvedRefs => "ResolvedRefs",
            Self::Conflicted => "Conflicted",
            Self::Programmed => "Programmed",
        }
    }
}

impl Progress {
    /// The reason of a condition that says so.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Taken => "Programmed",
            Self::NoProxies => "NoProxies",
            Self::Pending => "Pending",
        }
    }
}

/// Whether a status is written for objects of this kind: those of Istio's groups that an API
/// server stores.
pub fn is_reported(group: &str, kind: &str) -> bool {
    group.ends_with(".istio.io")
        && group != "mesh.istio.io"
        && find(group, kind).is_some_and(|known| match known.treatment {
            Treatment::Spec(_) | Treatment::NotYet => true,
            Treatment::Whole(_) | Treatment::Nothing(_) => false,
        })
}

/// The status of an object of this kind, from all remarks on it.
pub fn report(group: &str, kind: &str, state: State, diagnostics: &[&Diagnostic]) -> Status {
    let about = |wanted: fn(Topic) -> bool| -> Vec<&Diagnostic> {
        let all = diagnostics.iter().copied();
        all.filter(|diagnostic| wanted(topic(diagnostic))).collect()
    };
    let is_idle =
        find(group, kind).is_some_and(|known| matches!(known.treatment, Treatment::NotYet));
    let mut conditions = vec![accepted(
        is_idle,
        &about(|topic| matches!(topic, Topic::Itself)),
    )];
    if !is_idle {
        conditions.push(resolved(
            &about(|topic| matches!(topic, Topic::Reference(_))),
            &about(|topic| matches!(topic, Topic::Name)),
        ));
        let conflicts = about(|topic| matches!(topic, Topic::Conflict));
        if !conflicts.is_empty() {
            let message = joined(&conflicts);
            conditions.push(condition(
                ConditionKind::Conflicted,
                true,
                "Conflicted",
                message,
            ));
        }
        let refusals = about(|topic| matches!(topic, Topic::Proxy));
        conditions.push(programmed(state, &refusals));
    }
    Status {
        observed_generation: state.generation,
        conditions,
    }
}

fn condition(
    kind: ConditionKind,
    holds: bool,
    reason: &'static str,
    message: impl Into<String>,
) -> Condition {
    Condition {
        kind,
        holds,
        reason,
        message: message.into(),
    }
}

fn accepted(is_idle: bool, remarks: &[&Diagnostic]) -> Condition {
    let of = |severity| -> Vec<&Diagnostic> {
        let all = remarks.iter().copied();
        all.filter(|remark| remark.severity == severity).collect()
    };
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let kind = ConditionKind::Accepted;
    if !errors.is_empty() {
        condition(kind, false, "Invalid", joined(&errors))
    } else if is_idle {
        condition(kind, true, "NoEffectYet", joined(&warnings))
    } else {
        condition(kind, true, "Accepted", joined(&warnings))
    }
}

fn resolved(missing: &[&Diagnostic], names: &[&Diagnostic]) -> Condition {
    let kind = ConditionKind::ResolvedRefs;
    let reason = missing.first().map(|first| topic(first));
    match reason {
        Some(Topic::Reference(reason)) => condition(kind, false, reason, joined(missing)),
        _ => condition(kind, true, "ResolvedRefs", joined(names)),
    }
}

fn programmed(state: State, refusals: &[&Diagnostic]) -> Condition {
    let kind = ConditionKind::Programmed;
    let State {
        generation: _,
        force,
        progress,
    } = state;
    match force {
        Force::Older => {
            let message = "the last version that was accepted stays in force";
            return condition(kind, false, "Invalid", message);
        }
        Force::SoundPart => {
            let message = "only what is sound of it is in force: no version of it was accepted";
            return condition(kind, false, "Invalid", message);
        }
        Force::Newest => {}
    }
    if !refusals.is_empty() {
        return condition(kind, false, "Refused", words(refusals));
    }
    let (holds, message) = match progress {
        Progress::Taken => (true, ""),
        Progress::NoProxies => (true, "no proxy was connected that could take it"),
        Progress::Pending => (false, "not every connected proxy has taken it yet"),
    };
    condition(kind, holds, progress.reason(), message)
}
