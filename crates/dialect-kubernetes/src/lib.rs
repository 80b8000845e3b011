//! Kubernetes' own kinds, lowered into mesh declarations. One file per kind; every `lower` takes
//! an object and gives what it says to the mesh.
//!
//! What this crate deliberately does not know: other objects (which pod an endpoint is, which
//! node a pod is on) and other dialects. Fields that are none of a mesh's business (images,
//! volumes) are read for their form only.
//!
//! Reading order: [`faults`] (reading) → [`metadata`] → [`locality`], [`protocol`] (shared leaves)
//! → a kind: [`service`].

pub mod endpoint_slice;
pub mod faults;
pub mod locality;
pub mod metadata;
pub mod namespace;
pub mod node;
pub mod pod;
pub mod protocol;
pub mod service;
pub mod service_account;

/// The DNS suffix of services: the name of the service `a` in the namespace `b` is
/// `a.b.svc.cluster.local`.
pub const DOMAIN: &str = "cluster.local";
