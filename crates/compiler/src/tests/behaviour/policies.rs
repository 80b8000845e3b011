//! Which traffic policies are in force.

use std::sync::Arc;
use std::time::Duration;

use ferromesh_mesh::decl::traffic_policy::{TrafficPolicies, TrafficPolicy};
use ferromesh_mesh::policy::connection_pool::ConnectionPool;
use ferromesh_mesh::policy::load_balancer::{
    Algorithm, ConsistentHash, HashKey, HashTable, LoadBalancer,
};
use ferromesh_mesh::unit::Unit;
use ferromesh_mesh::view::View;
use ferromesh_mesh::view::cluster::Cluster;

use super::show::{check, clusters, compile, name, routes};
use crate::tests::build::*;
use crate::tests::laws::Views;

const REVIEWS: &str = "reviews.a.svc.cluster.local";

fn pool(max_connections: u32) -> TrafficPolicy {
    TrafficPolicy {
        connection_pool: Some(ConnectionPool {
            max_connections,
            ..ConnectionPool::UNLIMITED
        }),
        ..TrafficPolicy::default()
    }
}

fn limited(namespace: &str, object: &str, host: &str, connections: u32) -> TrafficPolicies {
    let mut policies = policies(namespace, object, host, &[]);
    policies.policy.all = pool(connections);
    policies
}

fn cluster<'v>(views: &'v Views, wanted: &str) -> &'v Cluster {
    views
        .values()
        .find_map(|view| match view {
            View::Cluster(cluster) if name(&cluster.name) == wanted => Some(&**cluster),
            _ => None,
        })
        .unwrap()
}

fn world(policies: Vec<TrafficPolicies>) -> Vec<Arc<Unit>> {
    let services = vec![service_unit(service("a", "reviews"))];
    let policies = policies.into_iter().map(policies_unit).collect();
    [services, policies].concat()
}

#[test]
fn the_nearest_namespace_counts_and_there_the_most_specific_host() {
    let all = || {
        vec![
            limited("b", "client", REVIEWS, 1),
            limited("a", "service", REVIEWS, 2),
            limited("istio-system", "root", "*", 3),
        ]
    };
    let connections = |policies: Vec<TrafficPolicies>| {
        let views = compile(&world(policies), proxy("b", "x"));
        cluster(&views, "80||reviews.a").limits.max_connections
    };
    assert_eq!(connections(all()), 1);
    assert_eq!(connections(all().split_off(1)), 2);
    assert_eq!(connections(all().split_off(2)), 3);
    assert_eq!(connections(vec![]), u32::MAX);
    let wild = limited("b", "wild", "*.a.svc.cluster.local", 9);
    assert_eq!(connections([all(), vec![wild.clone()]].concat()), 1);
    assert_eq!(
        connections(vec![wild, limited("a", "service", REVIEWS, 2)]),
        9
    );
}

#[test]
fn policies_of_one_namespace_are_merged_oldest_first() {
    let mut first = policies("a", "1", REVIEWS, &["v1"]);
    first.subsets[0].labels = labels("version=first");
    let mut second = limited("a", "2", REVIEWS, 2);
    second.subsets = policies("a", "2", REVIEWS, &["v1", "v2"]).subsets;
    let third = limited("a", "3", REVIEWS, 3);
    let units = [
        world(vec![first, second, third]),
        vec![
            workload_unit(pod("a", "p", "10.0.0.1", "version=first")),
            slice(
                "a",
                "reviews",
                "s",
                vec![pod_endpoint("a", "p", "10.0.0.1")],
            ),
        ],
    ]
    .concat();
    let views = compile(&units, proxy("a", "x"));
    check(
        clusters(&views),
        &[
            "80||reviews.a endpoints",
            "80|v1|reviews.a endpoints",
            "80|v2|reviews.a endpoints",
            "black hole nothing",
            "inbound passthrough original from 127.0.0.6",
            "passthrough original",
        ],
    );
    // The first policy that says anything counts, also for the subsets of others.
    for name in ["80||reviews.a", "80|v1|reviews.a", "80|v2|reviews.a"] {
        assert_eq!(cluster(&views, name).limits.max_connections, 2, "{name}");
    }
    let v1 = super::show::endpoints(&views)
        .into_iter()
        .find(|line| line.starts_with("80|v1|"));
    assert_eq!(
        v1.as_deref(),
        Some("80|v1|reviews.a p0 // w1: 10.0.0.1:8080 Ready")
    );
}

#[test]
fn blocks_are_inherited_by_subsets_but_not_by_ports() {
    let mut declared = limited("a", "dr", REVIEWS, 1);
    declared.policy.all.outlier = Some(outlier());
    declared.subsets = policies("a", "dr", REVIEWS, &["v1", "v2"]).subsets;
    declared.subsets[0].policy.all = pool(5);
    let mut by_port = declared.clone();
    by_port.policy.ports.insert(80, pool(7));
    let found = |declared: TrafficPolicies, name: &str| {
        let views = compile(&world(vec![declared]), proxy("a", "x"));
        let cluster = cluster(&views, name);
        (cluster.limits.max_connections, cluster.outlier.is_some())
    };
    assert_eq!(found(declared.clone(), "80||reviews.a"), (1, true));
    assert_eq!(found(declared.clone(), "80|v1|reviews.a"), (5, true));
    assert_eq!(found(declared, "80|v2|reviews.a"), (1, true));
    assert_eq!(found(by_port.clone(), "80||reviews.a"), (7, false));
    assert_eq!(found(by_port, "80|v1|reviews.a"), (5, false));
}

#[test]
fn what_is_hashed_reaches_the_routes() {
    let mut hashing = policies("a", "dr", REVIEWS, &[]);
    hashing.policy.all.load_balancer = Some(LoadBalancer {
        algorithm: Algorithm::ConsistentHash(ConsistentHash {
            key: HashKey::Header(Arc::from("x-user")),
            table: HashTable::Maglev { table_size: 65_537 },
        }),
        warmup: None,
    });
    let views = compile(&world(vec![hashing]), proxy("a", "x"));
    check(
        routes(&views),
        &["80/reviews.a.svc.cluster.local:80 -> 1*80||reviews.a hashed"],
    );
    let mut sticky = service("a", "reviews");
    sticky.session_affinity = Some(Duration::from_secs(60));
    let views = compile(&[service_unit(sticky)], proxy("a", "x"));
    check(
        routes(&views),
        &["80/reviews.a.svc.cluster.local:80 -> 1*80||reviews.a hashed"],
    );
}
