//! A whole mesh on this machine: the real control plane on a directory of manifests, and workloads, each of which is an echo
//! server behind a real Envoy that the real agent runs, on loopback addresses of its own.
//!
//! A test takes [`Addresses`](crate::addresses::Addresses), makes [`Settings`] for its workloads, writes manifests with
//! their addresses, starts the [`Mesh`], starts the workloads, and sends requests to [`Workload::outbound`] or through
//! [`Workload::http_proxy`].

pub mod manifest;
mod operator;
mod workload;

pub use operator::{ControlPlane, Mesh, State, certify};
pub use workload::{Settings, Workload};
