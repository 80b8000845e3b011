//! The TCP proxy.

use std::time::Duration;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::tcp_proxy::tcp_proxy::weighted_cluster::ClusterWeight;
use envoy::tcp_proxy::tcp_proxy::{ClusterSpecifier, WeightedCluster};
use mesh::policy::access_log::AccessLog;
use mesh::view::cluster::ClusterName;
use mesh::view::listener::TcpForward;

use super::network;
use crate::route::References;
use crate::{access_log, names, weights};

/// Connections as a view forwards them; if no cluster has any weight, to nowhere.
pub(crate) fn forward(
    forward: &TcpForward,
    log: &AccessLog,
    references: &mut References,
) -> envoy::listener::Filter {
    let TcpForward {
        clusters,
        idle_timeout,
        // A listener that waits for nobody has no inspectors; that is not the proxy's matter.
        server_first: _,
    } = forward;
    let weighted: Vec<_> = clusters.iter().filter(|(_, weight)| *weight > 0).collect();
    match weighted.as_slice() {
        [] => to_cluster(&ClusterName::BlackHole, *idle_timeout, log, references),
        [(single, _)] => to_cluster(single, *idle_timeout, log, references),
        [(first, _), ..] => {
            let total = weighted.iter().map(|(_, weight)| u64::from(*weight)).sum();
            let clusters = weighted.iter().map(|(name, weight)| ClusterWeight {
                name: referred(name, references),
                weight: weights::share(*weight, total),
                ..Default::default()
            });
            let specifier = ClusterSpecifier::WeightedClusters(WeightedCluster {
                clusters: clusters.collect(),
            });
            proxy(names::cluster(first), specifier, *idle_timeout, log)
        }
    }
}

/// Connections to one cluster. `idle_timeout`: `None` = Envoy's default, zero = never.
pub(crate) fn to_cluster(
    cluster: &ClusterName,
    idle_timeout: Option<Duration>,
    log: &AccessLog,
    references: &mut References,
) -> envoy::listener::Filter {
    let name = referred(cluster, references);
    let specifier = ClusterSpecifier::Cluster(name.clone());
    proxy(name, specifier, idle_timeout, log)
}

fn referred(cluster: &ClusterName, references: &mut References) -> String {
    let name = names::cluster(cluster);
    references.insert(name.clone());
    name
}

fn proxy(
    stat_prefix: String,
    specifier: ClusterSpecifier,
    idle_timeout: Option<Duration>,
    log: &AccessLog,
) -> envoy::listener::Filter {
    let proxy = envoy::tcp_proxy::TcpProxy {
        stat_prefix,
        cluster_specifier: Some(specifier),
        idle_timeout: idle_timeout.map(envoy::duration),
        access_log: access_log::access_logs(log),
        ..Default::default()
    };
    network("envoy.filters.network.tcp_proxy", &proxy)
}
