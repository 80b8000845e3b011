//! The program in the pod, or beside an application on any machine: it gives one workload its Envoy.
//!
//! It renders Envoy's bootstrap, starts Envoy on a leash (so that nothing leaks when the agent dies), relays its logs,
//! restarts it when it dies, tells whether it is ready, and drains it before it ends. It writes no file. Before that, as a
//! program of its own, it has the kernel bring the pod's traffic to the proxy ([`capture`]).
//!
//! It deliberately never sees the mesh's configuration: Envoy speaks ADS to the control plane directly.
//!
//! Reading order: [`arguments`], [`settings`], [`bootstrap`], [`envoy`], [`admin`], [`application`], [`status`], [`drain`], [`proxy`];
//! [`capture`]; [`beside`].

pub mod admin;
pub mod application;
pub mod arguments;
pub mod beside;
pub mod bootstrap;
pub mod capture;
pub mod drain;
pub mod envoy;
pub mod identity;
pub mod proxy;
pub mod reservation;
pub mod sds;
pub mod settings;
pub mod status;
