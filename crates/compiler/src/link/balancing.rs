//! How an instance is chosen.

use ferromesh_mesh::decl::service::Service;
use ferromesh_mesh::decl::traffic_policy::TrafficPolicy;
use ferromesh_mesh::policy::load_balancer::{
    Algorithm, ConsistentHash, HashKey, HashTable, LoadBalancer,
};

/// The balancer of a service: session affinity is a hash of the client's address, unless a
/// policy says otherwise.
pub(crate) fn load_balancer(service: &Service, policy: &TrafficPolicy) -> LoadBalancer {
    policy.load_balancer.clone().unwrap_or(LoadBalancer {
        algorithm: match service.session_affinity {
            Some(_) => Algorithm::ConsistentHash(AFFINITY),
            None => Algorithm::LeastRequest,
        },
        warmup: None,
    })
}

/// What a service with session affinity hashes.
const AFFINITY: ConsistentHash = ConsistentHash {
    key: HashKey::SourceIp,
    table: HashTable::Ring { minimum_size: 1024 },
};

/// What is hashed to choose an instance, if anything is.
pub(crate) fn hash_key(service: &Service, policy: &TrafficPolicy) -> Option<HashKey> {
    match load_balancer(service, policy).algorithm {
        Algorithm::ConsistentHash(ConsistentHash { key, table: _ }) => Some(key),
        Algorithm::LeastRequest
        | Algorithm::RoundRobin
        | Algorithm::Random
        | Algorithm::Passthrough => None,
    }
}
