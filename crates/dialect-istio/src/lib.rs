//! Istio's kinds, lowered into mesh declarations. One file per kind, one per policy leaf, named
//! as in `ferromesh_mesh::policy`.
//!
//! What this crate deliberately does not know: other objects (a destination that no service has
//! is found by linking), and other dialects. A kind's `lower` never fails: what Istio's admission
//! refuses or warns about becomes a remark, and the sound part becomes declarations.
//!
//! Reading order: [`faults`] (reading), [`host`], [`duration`], [`selector`], [`string_match`]
//! (shared leaves), then a kind: [`virtual_service`].

pub mod access_log;
mod authorization;
pub mod authorization_policy;
pub mod bounds;
pub mod connection_pool;
pub mod destination_rule;
pub mod duration;
pub mod effect;
pub mod export;
mod ext_authz;
pub mod faults;
mod header_name;
mod header_value;
pub mod host;
pub mod jwt;
pub mod keepalive;
pub mod load_balancer;
pub mod locality;
pub mod mesh_config;
mod mtls;
pub mod outlier;
mod path_normalization;
pub mod peer_authentication;
pub mod port;
pub mod protocol;
pub mod re2;
pub mod request_authentication;
pub mod retry;
pub mod retry_budget;
pub mod selector;
pub mod service_entry;
pub mod sidecar;
pub mod string_match;
mod target;
mod tls;
pub mod virtual_service;
pub mod workload_entry;
