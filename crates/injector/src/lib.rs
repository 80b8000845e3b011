//! Puts proxies into pods, by Istio's contract: [`decide`] says whether a pod gets one, [`inject`] says what the pod is
//! then. Both are pure, so that the webhook and `ferromesh inject` cannot differ.
//!
//! Pods are worked on as JSON, so that fields that nobody here knows stay as they are; what counts is read typed
//! first, and everything of an author's that ends in a command line is parsed to a value and rendered again. A last
//! look (`guard`) compares privileges before and after: whatever the annotations say, a pod has afterwards what it had,
//! and what capturing needs.
//!
//! What this crate deliberately does not know: clusters, admission reviews, patches, files.
//!
//! Reading order: [`Settings`], [`decide`], `pod`, `draft`, `choices`, then the steps in the order of [`inject`]:
//! `undo`, `probe`, `prometheus`, `container` (`proxy`, `capture`, `overlay`, `order`), `volume`, `label`, `guard`.

mod annotation;
mod capture;
mod choices;
mod container;
mod decision;
mod draft;
mod gateway;
mod guard;
mod image;
mod inject;
mod label;
mod level;
mod namespace;
mod order;
mod overlay;
mod owner;
mod pod;
mod pod_security;
mod probe;
mod prometheus;
mod proxy;
mod proxy_config;
mod quantity;
mod refusal;
mod settings;
mod status;
mod traffic;
mod undo;
mod volume;

pub use decision::{Decision, Reason, decide, decide_asked};
pub use inject::{Injected, inject, inject_template};
pub use namespace::NamespaceFacts;
pub use owner::Owner;
pub use refusal::Refusal;
pub use settings::{Interception, Settings};

/// The name of the proxy's container.
pub const PROXY: &str = "istio-proxy";
/// The name of the container that sets capture.
pub const CAPTURE: &str = "istio-init";
