//! The heart of Ferromesh: units in, views out, incrementally, purely and without I/O.
//!
//! [`Compiler::replace`] and [`Compiler::remove`] take what objects say, [`Compiler::open`] and
//! [`Compiler::close`] who is there, and [`Compiler::compile`] returns what changed. The views
//! that result are a pure function of (units, open proxies), whatever the history.
//!
//! It deliberately does not know Kubernetes, Envoy, protobuf, files, sockets or time.
//!
//! Reading order: [`proxy`] → [`edit`] → [`acceptance`] (the fold in front) → [`compiler`] →
//! `question` → `readers` → `index` → `link` → `project` → `memo` → `audience` → [`snapshot`].

pub mod acceptance;
pub mod compiler;
pub mod edit;
pub mod proxy;
pub mod snapshot;

mod audience;
mod diagnose;
mod identity;
mod index;
mod layers;
mod link;
mod memo;
mod pool;
mod project;
mod question;
mod readers;
mod scopes;
#[cfg(test)]
mod tests;
mod units;

pub use compiler::Compiler;
pub use edit::{AudienceId, Edit, ProxyId, ViewId};
pub use proxy::{Bound, Certificates, Interception, Proxy, Tables};
pub use snapshot::Snapshot;
