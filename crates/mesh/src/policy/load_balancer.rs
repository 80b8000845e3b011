//! Choice of an instance.

use std::sync::Arc;
use std::time::Duration;

/// How an instance is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoadBalancer {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// New instances get traffic gradually.
    pub warmup: Option<Warmup>,
}

/// The algorithm.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Two random choices, fewer requests wins (Istio's default).
    LeastRequest,
    /// In turns.
    RoundRobin,
    /// At random.
    Random,
    /// The address that the client asked for.
    Passthrough,
    /// By hash.
    ConsistentHash(ConsistentHash),
}

/// Stickiness by hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsistentHash {
    /// What is hashed.
    pub key: HashKey,
    /// The table.
    pub table: HashTable,
}

/// What is hashed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HashKey {
    /// A request header.
    Header(Arc<str>),
    /// A cookie.
    Cookie {
        /// Its name.
        name: Arc<str>,
        /// `Path` of a generated one; empty = none.
        path: Arc<str>,
        /// Life of a generated one; `None` = the cookie is never generated; zero = session.
        ttl: Option<Duration>,
        /// Further attributes of a generated one.
        attributes: Vec<(Arc<str>, Arc<str>)>,
    },
    /// The client's address.
    SourceIp,
    /// A query parameter.
    QueryParameter(Arc<str>),
}

/// The hash table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashTable {
    /// Ketama ring with at least this many points (Istio's default 1024).
    Ring {
        /// Points, 1 to 8 388 608.
        minimum_size: u64,
    },
    /// Maglev.
    Maglev {
        /// A prime up to 5 000 011 (Envoy's default 65 537).
        table_size: u64,
    },
}

/// Slow start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Warmup {
    /// How long.
    pub duration: Duration,
    /// Least share at the start, in percent, 0 to 100 (Istio's default 10).
    pub minimum_percent: u32,
    /// Speed of the rise in thousandths, at least 1000 (Istio's default 1.0 = linear).
    pub aggression_milli: u32,
}
