//! The hub of Ferromesh: what a service mesh *is*, in plain values.
//!
//! Dialects lower objects into a [`unit::Unit`] of [`decl::Declaration`]s; the compiler links
//! those and projects them into [`view::View`]s; targets emit views. Nothing here knows
//! Kubernetes, Envoy, protobuf, files or sockets, and nothing here can fail.
//!
//! Reading order: [`name`] → [`origin`] → [`path`] → [`diagnostic`] → [`policy`] (leaf values without
//! names inside) → [`decl`] (statements with unresolved names) → [`unit`] → [`view`]
//! (resolved, the whole input of emission).

pub mod closest;
pub mod decl;
pub mod diagnostic;
pub mod name;
pub mod origin;
pub mod path;
pub mod policy;
pub mod quote;
pub mod unit;
pub mod view;
