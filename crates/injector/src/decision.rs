//! Whether a pod gets a proxy.

use std::fmt;

use serde_json::Value;

use crate::annotation::name::{INJECT, REVISION};
use crate::pod::{self, Pod};
use crate::{NamespaceFacts, Refusal, Settings};

/// Whether a pod gets a proxy, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It does.
    Inject,
    /// It does not.
    Leave(Reason),
}

/// Why a pod is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It uses the network of its node, which we must not capture.
    HostNetwork,
    /// It is for Windows.
    Windows,
    /// Its namespace is Kubernetes' or ours.
    Namespace(String),
    /// It opted out.
    OptedOut,
    /// `sidecar.istio.io/inject` has a value that means nothing.
    UnknownValue(String),
    /// It is another revision's.
    OtherRevision(String),
    /// Nobody opted in.
    NotOptedIn,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostNetwork => f.write_str("it uses the network of its node (hostNetwork)"),
            Self::Windows => f.write_str("it is for Windows"),
            Self::Namespace(name) => write!(f, "pods in namespace {name} get no proxy"),
            Self::OptedOut => write!(f, "it opted out ({INJECT}: \"false\")"),
            Self::UnknownValue(value) => {
                write!(f, "{INJECT}: {value:?} is neither \"true\" nor \"false\"")
            }
            Self::OtherRevision(revision) => write!(f, "it is revision {revision}'s"),
            Self::NotOptedIn => f.write_str(
                "neither its namespace nor a label of its own opts in (an annotation alone does not)",
            ),
        }
    }
}

/// Whether a pod that is being created gets a proxy of ours. This is the table of the webhook's three entries:
///
/// | namespace | pod | proxy |
/// |---|---|---|
/// | `istio-injection: enabled` | – | of the default revision |
/// | `istio.io/rev: REV`, no `istio-injection` | – | of REV |
/// | neither | label `istio.io/rev: REV` | of REV |
/// | neither | label `sidecar.istio.io/inject: "true"`, no `istio.io/rev` | of the default revision |
///
/// and everywhere: not with `hostNetwork`, not for Windows, not in `kube-*` and our own namespace, and not if the label
/// `sidecar.istio.io/inject`, or without it the annotation, is other than `"true"` or empty.
///
/// # Errors
/// If it has another shape than a pod.
pub fn decide(
    pod: &Value,
    settings: &Settings,
    namespace: &NamespaceFacts,
) -> Result<Decision, Refusal> {
    let pod = pod::read(pod)?;
    if let Some(reason) = never(&pod, settings, namespace) {
        return Ok(Decision::Leave(reason));
    }
    Ok(opted_in(&pod, settings, namespace).map_or_else(Decision::Leave, |()| Decision::Inject))
}

/// Whether a pod gets a proxy for which somebody asks by a command: unless it opted out, or can't have one.
///
/// # Errors
/// If it has another shape than a pod.
pub fn decide_asked(
    pod: &Value,
    settings: &Settings,
    namespace: &NamespaceFacts,
) -> Result<Decision, Refusal> {
    let pod = pod::read(pod)?;
    Ok(never(&pod, settings, namespace).map_or(Decision::Inject, Decision::Leave))
}

/// Why a pod is left alone whoever opts in.
fn never(pod: &Pod, settings: &Settings, namespace: &NamespaceFacts) -> Option<Reason> {
    let metadata = &pod.metadata;
    let value = metadata.labels.get(INJECT);
    let value = value.or_else(|| metadata.annotations.get(INJECT));
    if let Some(reason) = not_at_all(pod) {
        return Some(reason);
    }
    if namespace.is_of_kubernetes() || namespace.name == settings.root_namespace {
        return Some(Reason::Namespace(namespace.name.clone()));
    }
    match value.map(String::as_str) {
        None | Some("" | "true") => None,
        Some("false") => Some(Reason::OptedOut),
        Some(other) => Some(Reason::UnknownValue(other.to_owned())),
    }
}

/// Why nobody can put a proxy into a pod.
pub(crate) fn not_at_all(pod: &Pod) -> Option<Reason> {
    if pod.spec.host_network {
        Some(Reason::HostNetwork)
    } else if pod.spec.is_for_windows() {
        Some(Reason::Windows)
    } else {
        None
    }
}

fn opted_in(pod: &Pod, settings: &Settings, namespace: &NamespaceFacts) -> Result<(), Reason> {
    let labels = &pod.metadata.labels;
    match (
        namespace.label("istio-injection"),
        namespace.label(REVISION),
    ) {
        (Some("enabled"), _) => default_revision(settings),
        (Some(_), _) => Err(Reason::NotOptedIn),
        (None, Some(revision)) => this_revision(settings, revision),
        (None, None) => match labels.get(REVISION) {
            Some(revision) => this_revision(settings, revision),
            None if labels.get(INJECT).is_some_and(|value| value == "true") => {
                default_revision(settings)
            }
            None => Err(Reason::NotOptedIn),
        },
    }
}

fn default_revision(settings: &Settings) -> Result<(), Reason> {
    this_revision(settings, "default")
}

fn this_revision(settings: &Settings, revision: &str) -> Result<(), Reason> {
    if settings.is_known_as(revision) {
        Ok(())
    } else {
        Err(Reason::OtherRevision(revision.to_owned()))
    }
}
