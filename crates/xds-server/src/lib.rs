//! Serves what the compiler makes: the aggregated discovery service on HTTP/2, the compile loop
//! behind it, and the wake-up of exactly those streams that hold what changed.
//!
//! [`Plane`] is the loop: it owns acceptance, compiler and publisher, takes changes of objects
//! and connections of proxies, and publishes. [`Hub`] is what the loop and the streams share:
//! the newest snapshot, who holds what, and counters. [`serve`] accepts connections; each is one
//! task that owns the sessions of its streams.
//!
//! Over TLS, a stream is served only if its certificate's identity is that of the workload that
//! its node id names, as the compile loop knows it (`plane::guard`); on loopback without TLS,
//! clients are who they say they are. [`Calls`] are answered beside the streams, over TLS alone.
//!
//! It deliberately does not know Kubernetes, the dialects, what a cluster is, or who signs.
//!
//! Reading order: [`plane`], [`publish`], [`hub`], [`node`], then [`server`], [`tls`],
//! `handshake`, [`peer`], `connection`, `stream`, `input`, [`calls`], [`denial`].

mod chunk;
mod connection;
mod handshake;
mod input;
mod status;
mod stream;
#[cfg(test)]
mod tests;

pub mod calls;
pub mod counters;
pub mod denial;
pub mod hub;
pub mod node;
pub mod peer;
pub mod plane;
pub mod publish;
pub mod server;
pub mod tls;

pub use calls::{Answer, Call, Calls, Status};
pub use counters::Counts;
pub use denial::{Denial, Reason};
pub use hub::{Hub, StreamState};
pub use node::{Client, NodeFault};
pub use peer::{Peer, Proof, Verified};
pub use plane::{Applied, Change, Plane, PlaneHandle};
pub use publish::Publisher;
pub use server::{Limits, Tls, Transport, serve};
pub use tls::{Credentials, TlsFault, client_config, server_config};
