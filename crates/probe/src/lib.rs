//! What a connection or a request would meet: asked of the *emitted* configuration, without
//! running Envoy.
//!
//! [`ask`] follows an inbound listener as Envoy does: listener filters, the choice of a filter
//! chain, the handshake, network filters, the connection manager, HTTP filters. It is pure and
//! total. What it does not know is [`Outcome::Unknown`], never a guess; the values of its tests
//! were measured with Envoy 1.40.
//!
//! It deliberately does not know policies, objects or workloads, nor how configuration is
//! emitted, so that it can disagree with who emits it. It opens no socket and reads no clock.
//!
//! Reading order: [`request`] and [`verdict`] → `chain` → `handshake` → `network` → `http` →
//! `rbac`, `jwt`, `ext_authz` → matchers (`text`, `header`, `metadata`, `address`, `template`)
//! and what they answer (`answer`) about what they see (`traffic`).

pub mod request;
pub mod verdict;

mod address;
mod answer;
mod chain;
mod config;
mod ext_authz;
mod filter_state;
mod handshake;
mod header;
mod http;
mod jwt;
mod metadata;
mod network;
mod rbac;
mod template;
mod text;
mod traffic;

use ferromesh_envoy as envoy;

pub use request::{Certificate, Chain, ClientHello, HttpRequest, HttpVersion, Peer, Request};
pub use verdict::{Action, Outcome, PolicyName, Said, Shadow, ShadowOutcome, Step, Verdict};

/// What a connection to this listener, and the request on it if there is one, would meet.
pub fn ask(listener: &envoy::listener::Listener, request: &Request) -> Verdict {
    let mut verdict = Verdict::new();
    let outcome = match network::pass(listener, request, &mut verdict) {
        Ok(()) => Outcome::Allowed,
        Err(outcome) => outcome,
    };
    verdict.finish(outcome)
}
