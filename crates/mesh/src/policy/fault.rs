//! Injected faults.

use std::time::Duration;

use super::percent::PartsPerMillion;

/// Faults to inject.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// A wait before forwarding.
    pub delay: Option<Delay>,
    /// An answer instead of forwarding.
    pub abort: Option<Abort>,
}

/// A wait before forwarding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delay {
    /// How long.
    pub duration: Duration,
    /// For which share of the requests.
    pub share: PartsPerMillion,
}

/// An answer instead of forwarding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Abort {
    /// The answer.
    pub with: AbortWith,
    /// For which share of the requests.
    pub share: PartsPerMillion,
}

/// The answer of an abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AbortWith {
    /// An HTTP status, 200 to 599.
    Http(u16),
    /// A gRPC status code, 0 to 16.
    Grpc(u32),
}
