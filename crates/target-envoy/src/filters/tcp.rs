//! The TCP proxy.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::tcp_proxy::tcp_proxy::weighted_cluster::ClusterWeight;
use envoy::tcp_proxy::tcp_proxy::{ClusterSpecifier, WeightedCluster};
use envoy::tcp_proxy::{TcpProxy, UpstreamConnectMode};
use mesh::policy::access_log::AccessLog;
use mesh::view::cluster::ClusterName;
use mesh::view::listener::{Affinity, TcpForward};

use super::http::{Door, Entrance};
use super::network;
use crate::access_log::Writer;
use crate::route::References;
use crate::{access_log, names, weights};

/// The name of the filter.
const NAME: &str = "envoy.filters.network.tcp_proxy";

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
        affinity,
    } = forward;
    let weighted: Vec<_> = clusters.iter().filter(|(_, weight)| *weight > 0).collect();
    let (statistics, specifier) = match weighted.as_slice() {
        [] => single(&ClusterName::BlackHole, references),
        [(only, _)] => single(only, references),
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
            (names::cluster(first), specifier)
        }
    };
    let hash = match affinity {
        Affinity::None => Vec::new(),
        Affinity::SourceAddress => vec![by_source_address()],
    };
    network(
        NAME,
        &TcpProxy {
            idle_timeout: idle_timeout.map(envoy::duration),
            hash_policy: hash,
            ..proxy(statistics, specifier, log, Writer::Client)
        },
    )
}

/// Connections to one cluster.
pub(crate) fn to_cluster(
    cluster: &ClusterName,
    log: &AccessLog,
    references: &mut References,
) -> envoy::listener::Filter {
    let (statistics, specifier) = single(cluster, references);
    network(NAME, &proxy(statistics, specifier, log, Writer::Client))
}

/// Connections to a workload. Where they have to prove who they are, the app learns of them only
/// then.
pub(crate) fn admitted(
    cluster: &ClusterName,
    entrance: Entrance<'_>,
    log: &AccessLog,
    references: &mut References,
) -> envoy::listener::Filter {
    let (statistics, specifier) = single(cluster, references);
    let proxy = proxy(
        statistics,
        specifier,
        log,
        Writer::Server(entrance.guard.audit),
    );
    let proxy = match entrance.door {
        Door::Open => proxy,
        Door::Mesh => TcpProxy {
            upstream_connect_mode: UpstreamConnectMode::OnDownstreamTlsHandshake as i32,
            // Envoy demands a limit with that mode.
            max_early_data_bytes: Some(0),
            ..proxy
        },
    };
    network(NAME, &proxy)
}

fn single(cluster: &ClusterName, references: &mut References) -> (String, ClusterSpecifier) {
    let name = referred(cluster, references);
    (name.clone(), ClusterSpecifier::Cluster(name))
}

fn referred(cluster: &ClusterName, references: &mut References) -> String {
    let name = names::cluster(cluster);
    references.insert(name.clone());
    name
}

fn proxy(
    stat_prefix: String,
    specifier: ClusterSpecifier,
    log: &AccessLog,
    writer: Writer,
) -> TcpProxy {
    TcpProxy {
        stat_prefix,
        cluster_specifier: Some(specifier),
        access_log: access_log::access_logs(log, writer),
        ..Default::default()
    }
}

fn by_source_address() -> envoy::types::HashPolicy {
    use envoy::types::hash_policy::{PolicySpecifier, SourceIp};
    envoy::types::HashPolicy {
        policy_specifier: Some(PolicySpecifier::SourceIp(SourceIp {})),
    }
}
