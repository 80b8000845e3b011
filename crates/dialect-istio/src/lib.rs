//! Istio's kinds, lowered into mesh declarations. One file per kind, one per policy leaf, named
//! as in `ferromesh_mesh::policy`.
//!
//! What this crate deliberately does not know: other objects (a destination that no service has
//! is found by linking), and other dialects. A kind's `lower` never fails: what Istio's admission
//! refuses or warns about becomes a remark, and the sound part becomes declarations.
//!
//! Reading order: [`faults`] (reading), [`host`], [`duration`], [`selector`], [`string_match`]
//! (shared leaves), then a kind: [`virtual_service`].

pub mod duration;
pub mod export;
pub mod faults;
pub mod host;
pub mod port;
pub mod re2;
pub mod retry;
pub mod selector;
pub mod string_match;
