//! Serves what the compiler makes: the aggregated discovery service on HTTP/2, the compile loop
//! behind it, and the wake-up of exactly those streams that hold what changed.
//!
//! [`Plane`] is the loop: it owns acceptance, compiler and publisher, takes changes of objects
//! and connections of proxies, and publishes. [`Hub`] is what the loop and the streams share:
//! the newest snapshot, who holds what, and counters. [`serve`] accepts connections; each is one
//! task that owns the sessions of its streams.
//!
//! It deliberately does not know Kubernetes, the dialects, or what a cluster is. Identity is the
//! node id that a client states, so it must listen on loopback only.
//!
//! Reading order: [`plane`], [`publish`], [`hub`], [`node`], then [`server`], `connection`,
//! `stream`, `input`.

mod connection;
mod input;
mod stream;
#[cfg(test)]
mod tests;

pub mod counters;
pub mod hub;
pub mod node;
pub mod plane;
pub mod publish;
pub mod server;

pub use counters::Counts;
pub use hub::{Hub, StreamState};
pub use node::{Client, NodeFault};
pub use plane::{Applied, Change, Plane, PlaneHandle};
pub use publish::Publisher;
pub use server::{Limits, serve};
