use std::time::Duration;

use envoy_types::pb::envoy::extensions::clusters::dynamic_forward_proxy::v3::ClusterConfig;
use envoy_types::pb::envoy::extensions::clusters::dynamic_forward_proxy::v3::cluster_config::ClusterImplementationSpecifier as Specifier;
use envoy_types::pb::envoy::extensions::filters::http::dynamic_forward_proxy::v3::FilterConfig;
use envoy_types::pb::envoy::extensions::filters::http::dynamic_forward_proxy::v3::filter_config::ImplementationSpecifier as FilterSpecifier;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::http_protocol_options as options;
use mesh::policy::connection_pool::HttpVersion;
use mesh::policy::load_balancer::Algorithm;
use mesh::policy::protocol::Protocol;
use mesh::view::cluster::{Cluster, ClusterName, Discovery};
use mesh::view::listener::{ListenerName, ListenerTraffic};
use mesh::view::route_table::TableName;
use options::UpstreamProtocolOptions as Upstream;
use options::explicit_http_config::ProtocolConfig;
use pb::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType, LbPolicy};

use super::listeners::http_filters;
use super::views::clusters::{balancer, full, instances, outbound, plain};
use super::views::listeners::at;
use super::*;

fn cluster(view: Cluster) -> (Emitted, pb::cluster::v3::Cluster) {
    read(View::Cluster(Arc::new(view)))
}

fn kind(cluster: &pb::cluster::v3::Cluster) -> Option<DiscoveryType> {
    match cluster.cluster_discovery_type {
        Some(ClusterDiscoveryType::Type(kind)) => DiscoveryType::try_from(kind).ok(),
        _ => None,
    }
}

fn http(cluster: &pb::cluster::v3::Cluster) -> Option<HttpProtocolOptions> {
    cluster
        .typed_extension_protocol_options
        .get("envoy.extensions.upstreams.http.v3.HttpProtocolOptions")
        .map(open)
}

#[test]
fn limits_are_all_said() {
    let (emitted, default) = cluster(plain(outbound("a.test", Some("v1")), Discovery::Endpoints));
    assert_eq!(emitted.eds.as_deref(), Some("outbound|80|v1|a.test"));
    assert_eq!(kind(&default), Some(DiscoveryType::Eds));
    let thresholds = &default.circuit_breakers.expect("limits").thresholds[0];
    let all = [
        thresholds.max_connections,
        thresholds.max_pending_requests,
        thresholds.max_requests,
        thresholds.max_retries,
    ];
    assert!(
        all.iter()
            .all(|limit| limit.map(|it| it.value) == Some(u32::MAX))
    );

    let (_, limited) = cluster(full(plain(outbound("a.test", None), Discovery::Endpoints)));
    let thresholds = &limited
        .circuit_breakers
        .as_ref()
        .expect("limits")
        .thresholds[0];
    assert_eq!(thresholds.max_connections.map(|it| it.value), Some(100));
    assert_eq!(thresholds.max_pending_requests.map(|it| it.value), Some(50));
    let budget = thresholds.retry_budget.expect("a budget");
    assert_eq!(budget.budget_percent.map(|it| it.value), Some(25.5));
    let options = http(&limited).and_then(|it| it.common_http_protocol_options);
    let requests = options.and_then(|it| it.max_requests_per_connection);
    assert_eq!(requests.map(|it| it.value), Some(2));
}

#[test]
fn only_the_counted_detectors_eject() {
    let (_, cluster) = cluster(full(plain(outbound("a.test", None), Discovery::Endpoints)));
    let outlier = cluster.outlier_detection.as_ref().expect("a detector");
    let value = |it: &Option<wkt::UInt32Value>| it.as_ref().map(|it| it.value);
    assert_eq!(value(&outlier.consecutive_5xx), Some(5));
    assert_eq!(value(&outlier.enforcing_consecutive_5xx), Some(100));
    assert_eq!(
        value(&outlier.enforcing_consecutive_gateway_failure),
        Some(0)
    );
    assert_eq!(value(&outlier.enforcing_success_rate), Some(0));
    assert_eq!(outlier.base_ejection_time, seconds(30));
    let panic = cluster
        .common_lb_config
        .as_ref()
        .and_then(|it| it.healthy_panic_threshold);
    assert_eq!(panic.map(|it| it.value), Some(10.0));
    let codes = http(&cluster).and_then(|it| it.outlier_detection);
    assert!(codes.and_then(|it| it.error_matcher).is_some());
}

#[test]
fn the_version_of_http_follows_port_and_policy() {
    let version = |protocol, http_version, name| {
        let plain = plain(name, Discovery::Endpoints);
        let view = Cluster {
            protocol,
            http_version,
            ..plain
        };
        match http(&cluster(view).1).and_then(|it| it.upstream_protocol_options) {
            None => "1",
            Some(Upstream::ExplicitHttpConfig(config)) => match config.protocol_config {
                Some(ProtocolConfig::Http2ProtocolOptions(_)) => "2",
                _ => "explicit",
            },
            Some(Upstream::UseDownstreamProtocolConfig(_)) => "client's",
            Some(Upstream::AutoConfig(_)) => "negotiated",
        }
    };
    for (protocol, policy, expected) in [
        (Protocol::Http, HttpVersion::FromPort, "1"),
        (Protocol::Tcp, HttpVersion::FromPort, "1"),
        (Protocol::Grpc, HttpVersion::FromPort, "2"),
        (Protocol::Http, HttpVersion::Upgrade, "2"),
        (Protocol::Http, HttpVersion::FromClient, "client's"),
        (Protocol::Detect, HttpVersion::FromPort, "client's"),
    ] {
        let name = outbound("a.test", None);
        assert_eq!(
            version(protocol, policy, name),
            expected,
            "{protocol:?} {policy:?}"
        );
    }
    let passthrough = version(
        Protocol::Tcp,
        HttpVersion::FromPort,
        ClusterName::Passthrough,
    );
    assert_eq!(passthrough, "client's");
}

#[test]
fn passing_through_takes_no_endpoints() {
    let view = Cluster {
        load_balancer: balancer(Algorithm::Passthrough, None),
        ..plain(outbound("a.test", None), Discovery::Endpoints)
    };
    let (emitted, cluster) = cluster(view);
    assert_eq!(emitted.eds, None);
    assert_eq!(kind(&cluster), Some(DiscoveryType::OriginalDst));
    assert_eq!(cluster.lb_policy, LbPolicy::ClusterProvided as i32);
}

#[test]
fn names_of_requests_are_resolved_by_one_cache() {
    let (emitted, cluster) = cluster(plain(ClusterName::Passthrough, Discovery::Named));
    assert_eq!(emitted.eds, None);
    assert_eq!(cluster.name, "PassthroughCluster");
    assert_eq!(cluster.lb_policy, LbPolicy::ClusterProvided as i32);
    let Some(ClusterDiscoveryType::ClusterType(kind)) = &cluster.cluster_discovery_type else {
        panic!("{:?}", cluster.cluster_discovery_type);
    };
    assert_eq!(kind.name, "envoy.clusters.dynamic_forward_proxy");
    let config: ClusterConfig = open(kind.typed_config.as_ref().expect("a configuration"));
    let Some(Specifier::DnsCacheConfig(cache)) = config.cluster_implementation_specifier else {
        panic!("no cache");
    };
    assert_eq!(cache.max_hosts.map(|it| it.value), Some(1024));
    // The filter says the same, or Envoy would refuse one of them.
    let filters = http_filters(
        ListenerName::HttpProxy(at(15002)),
        ListenerTraffic::HttpProxy {
            table: TableName::HttpProxy,
        },
    );
    let filter = filters
        .iter()
        .find(|(name, _)| name == "envoy.filters.http.dynamic_forward_proxy");
    let filter: FilterConfig = open(&filter.expect("the filter").1);
    let Some(FilterSpecifier::DnsCacheConfig(of_filter)) = filter.implementation_specifier else {
        panic!("no cache");
    };
    assert_eq!(of_filter, cache);
}

#[test]
fn the_app_sees_its_own_sidecar_as_the_source() {
    let sources = ["127.0.0.6", "::6"]
        .into_iter()
        .filter_map(|source| source.parse().ok())
        .collect();
    let name = ClusterName::Inbound { port: 8080 };
    let (_, cluster) = cluster(plain(name, Discovery::Original { sources }));
    let bind = cluster.upstream_bind_config.expect("sources");
    let extra = bind.extra_source_addresses.into_iter();
    let all: Vec<_> = std::iter::once(bind.source_address)
        .chain(extra.map(|extra| extra.address))
        .map(|address| address.expect("an address").address)
        .collect();
    assert_eq!(all, ["127.0.0.6", "::6"]);
}

#[test]
fn endpoints_carry_locality_health_and_weights() {
    let view = instances(outbound("a.test", None));
    let (_, assignment): (_, pb::endpoint::v3::ClusterLoadAssignment) =
        read(View::Endpoints(Arc::new(view)));
    let [near, far] = assignment.endpoints.as_slice() else {
        panic!("two groups");
    };
    let locality = near.locality.as_ref().expect("a locality");
    assert_eq!(
        (locality.region.as_str(), locality.sub_zone.as_str()),
        ("r", "s")
    );
    let health: Vec<_> = near
        .lb_endpoints
        .iter()
        .map(|it| it.health_status)
        .collect();
    assert_eq!(health, [0, 3, 2], "unknown, draining, unhealthy");
    assert_eq!((far.priority, far.locality.is_none()), (1, true));
    let weights = far.lb_endpoints.iter().map(|it| it.load_balancing_weight);
    assert_eq!(
        weights.flatten().map(|it| it.value).collect::<Vec<_>>(),
        [7]
    );
}

#[test]
fn durations_of_zero_are_not_refused() {
    let view = Cluster {
        connect_timeout: Duration::ZERO,
        ..plain(outbound("a.test", None), Discovery::Endpoints)
    };
    let (_, cluster) = cluster(view);
    assert_eq!(cluster.connect_timeout.map(|it| it.nanos), Some(1_000_000));
}
