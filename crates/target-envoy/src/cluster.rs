//! Clusters.
//!
//! Envoy 1.40 refuses some clusters *late* and then never acknowledges clusters again, so
//! whatever it checks itself is enforced here: sizes of hash tables, durations above zero,
//! bounds of percentages.

mod discovery;
mod http_protocol;
mod keepalive;
mod limits;
mod load_balancer;
mod metadata;
mod outlier;
mod retry_budget;
pub(crate) mod tls;

use std::time::Duration;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::Message;
use envoy::cluster::cluster::common_lb_config::{
    LocalityConfigSpecifier, LocalityWeightedLbConfig,
};
use mesh::policy::outlier::OutlierDetection;
use mesh::view::cluster::{Cluster, LocalityMode};

use crate::{Emitted, Kind, names};

/// Envoy refuses durations of zero where they are no switch.
const SHORTEST: Duration = Duration::from_millis(1);

/// The cluster of a view.
pub(crate) fn emit(view: &Cluster) -> Emitted {
    let Cluster {
        name,
        discovery,
        protocol: _,
        http_version: _,
        // See `tls`.
        tls: _,
        load_balancer,
        locality,
        limits,
        connect_timeout,
        tcp_keepalive,
        http2_keepalive: _,
        http_idle_timeout: _,
        max_connection_duration: _,
        outlier,
        retry_budget,
        service,
        origin: _,
    } = view;
    let rendered = names::cluster(name);
    let base = discovery::cluster(&rendered, name, discovery, load_balancer);
    let eds = base.eds_cluster_config.is_some().then(|| rendered.clone());
    let own_balancer = load_balancer::is_own(&base);
    let cluster = envoy::cluster::Cluster {
        alt_stat_name: names::statistics(&rendered),
        name: rendered.clone(),
        connect_timeout: Some(envoy::duration((*connect_timeout).max(SHORTEST))),
        lb_policy: load_balancer::policy(load_balancer, own_balancer),
        lb_config: load_balancer::config(load_balancer, own_balancer),
        common_lb_config: Some(common(*locality, outlier.as_ref())),
        circuit_breakers: Some(limits::circuit_breakers(limits, retry_budget.as_ref())),
        outlier_detection: outlier.as_ref().map(outlier::outlier_detection),
        upstream_connection_options: tcp_keepalive.as_ref().map(keepalive::tcp),
        typed_extension_protocol_options: http_protocol::options(view),
        metadata: metadata::metadata(name, service.as_ref(), tls::mark_of_requests(view)),
        ..base
    };
    let cluster = tls::apply(view, cluster);
    Emitted {
        kind: Kind::Cluster,
        name: rendered,
        aliases: Vec::new(),
        body: cluster.encode_to_vec(),
        refers_to: Vec::new(),
        eds,
    }
}

/// Envoy sends traffic to *all* instances, ready or not, when fewer than half are healthy.
/// Instances that drain count as unhealthy, so that is off unless the author asks for it.
fn common(
    locality: LocalityMode,
    outlier: Option<&OutlierDetection>,
) -> envoy::cluster::cluster::CommonLbConfig {
    let threshold = outlier.map_or(0, |outlier| outlier.min_health_percent.min(100));
    let weighted = LocalityConfigSpecifier::LocalityWeightedLbConfig(LocalityWeightedLbConfig {});
    envoy::cluster::cluster::CommonLbConfig {
        healthy_panic_threshold: Some(envoy::types::Percent {
            value: threshold.into(),
        }),
        locality_config_specifier: match locality {
            LocalityMode::Weighted => Some(weighted),
            // Priorities need no switch; within one, all instances are alike.
            LocalityMode::Flat | LocalityMode::Prioritised => None,
        },
        ..Default::default()
    }
}
