//! Choice of an instance.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::cluster::cluster::{
    ClusterDiscoveryType, DiscoveryType, LbConfig, LbPolicy, LeastRequestLbConfig, MaglevLbConfig,
    RingHashLbConfig, RoundRobinLbConfig, SlowStartConfig,
};
use mesh::policy::load_balancer::{Algorithm, ConsistentHash, HashTable, LoadBalancer, Warmup};

/// Envoy's bound for the points of a ring (and its default for the largest ring).
const LARGEST_RING: u64 = 8_388_608;

/// Envoy's bound for a Maglev table; itself a prime.
const LARGEST_MAGLEV: u64 = 5_000_011;

/// A runtime key is mandatory where a default is given; nobody sets this one.
const NO_RUNTIME_KEY: &str = "ferromesh.unset";

/// Whether the cluster type brings its own balancer.
pub(super) fn is_own(cluster: &envoy::cluster::Cluster) -> bool {
    match &cluster.cluster_discovery_type {
        Some(ClusterDiscoveryType::Type(kind)) => *kind == DiscoveryType::OriginalDst as i32,
        // The only one that we use is the forward proxy.
        Some(ClusterDiscoveryType::ClusterType(_)) => true,
        None => false,
    }
}

/// The algorithm. `own` = the cluster type brings its own, which is then the only one allowed.
pub(super) fn policy(balancer: &LoadBalancer, own: bool) -> i32 {
    let policy = match &balancer.algorithm {
        _ if own => LbPolicy::ClusterProvided,
        Algorithm::LeastRequest => LbPolicy::LeastRequest,
        // A cluster without any address to pass on to (the black hole) keeps Envoy's default.
        Algorithm::RoundRobin | Algorithm::Passthrough => LbPolicy::RoundRobin,
        Algorithm::Random => LbPolicy::Random,
        Algorithm::ConsistentHash(ConsistentHash { key: _, table }) => match table {
            HashTable::Ring { .. } => LbPolicy::RingHash,
            HashTable::Maglev { .. } => LbPolicy::Maglev,
        },
    };
    policy as i32
}

/// The algorithm's settings. The key to hash is a matter of routes. Only the two algorithms
/// that weigh instances know slow start.
pub(super) fn config(balancer: &LoadBalancer, own: bool) -> Option<LbConfig> {
    let LoadBalancer { algorithm, warmup } = balancer;
    let slow_start = warmup.as_ref().and_then(slow_start);
    match algorithm {
        _ if own => None,
        Algorithm::LeastRequest => slow_start.map(|slow_start| {
            LbConfig::LeastRequestLbConfig(LeastRequestLbConfig {
                slow_start_config: Some(slow_start),
                ..Default::default()
            })
        }),
        Algorithm::RoundRobin => slow_start.map(|slow_start| {
            LbConfig::RoundRobinLbConfig(RoundRobinLbConfig {
                slow_start_config: Some(slow_start),
            })
        }),
        Algorithm::Random | Algorithm::Passthrough => None,
        Algorithm::ConsistentHash(ConsistentHash { key: _, table }) => Some(match table {
            HashTable::Ring { minimum_size } => LbConfig::RingHashLbConfig(RingHashLbConfig {
                minimum_ring_size: Some((*minimum_size).clamp(1, LARGEST_RING)),
                ..Default::default()
            }),
            HashTable::Maglev { table_size } => LbConfig::MaglevLbConfig(MaglevLbConfig {
                table_size: Some(next_prime(*table_size)),
            }),
        }),
    }
}

fn slow_start(warmup: &Warmup) -> Option<SlowStartConfig> {
    let Warmup {
        duration,
        minimum_percent,
        aggression_milli,
    } = warmup;
    (!duration.is_zero()).then(|| SlowStartConfig {
        slow_start_window: Some(envoy::duration(*duration)),
        aggression: Some(envoy::core::RuntimeDouble {
            default_value: f64::from((*aggression_milli).max(1000)) / 1000.0,
            runtime_key: NO_RUNTIME_KEY.to_owned(),
        }),
        min_weight_percent: Some(envoy::types::Percent {
            value: (*minimum_percent).min(100).into(),
        }),
    })
}

/// The size itself if it is a prime, else the next larger one: Envoy takes only primes.
fn next_prime(size: u64) -> u64 {
    (size.max(2)..=LARGEST_MAGLEV)
        .find(|candidate| is_prime(*candidate))
        .unwrap_or(LARGEST_MAGLEV)
}

fn is_prime(candidate: u64) -> bool {
    (2..)
        .take_while(|factor| factor * factor <= candidate)
        .all(|factor| !candidate.is_multiple_of(factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maglev_tables_are_primes_within_bounds() {
        for (wanted, size) in [
            (0, 2),
            (65_537, 65_537),
            (65_538, 65_539),
            (5_000_010, 5_000_011),
            (u64::MAX, 5_000_011),
        ] {
            assert_eq!(next_prime(wanted), size, "{wanted}");
        }
    }
}
