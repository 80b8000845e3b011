//! Routes: tables, virtual hosts, and one file per policy.

mod backends;
mod cors;
mod direct_response;
mod fault;
mod forward;
mod hash;
mod headers;
mod matches;
mod mirror;
mod redirect;
mod retry;
mod rewrite;
mod rule;
pub(crate) mod table;
mod timeout;
mod unknown_hosts;
pub(crate) mod virtual_host;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use crate::names;

/// Names of clusters that are known to exist and that something uses.
pub(crate) type References = BTreeSet<String>;

/// Settings of filters for one route.
type PerFilter = BTreeMap<String, envoy::Any>;

/// A route to a cluster without time limits.
fn unlimited(cluster: String) -> envoy::route::RouteAction {
    timeout::apply(
        mesh::policy::timeout::Timeout::Unlimited,
        envoy::route::RouteAction {
            cluster_specifier: Some(envoy::route::route_action::ClusterSpecifier::Cluster(
                cluster,
            )),
            ..Default::default()
        },
    )
}

/// The table of an inbound port: everything goes to the app. `label` names the service and port
/// in traces, `port` the virtual host.
pub(crate) fn inbound(
    cluster: &mesh::view::cluster::ClusterName,
    port: u16,
    label: &str,
) -> envoy::route::RouteConfiguration {
    let name = names::cluster(cluster);
    let route = |r#match, retry_policy| envoy::route::Route {
        name: names::DEFAULT_ROUTE.to_owned(),
        r#match: Some(r#match),
        action: Some(envoy::route::route::Action::Route(
            envoy::route::RouteAction {
                retry_policy,
                max_stream_duration: Some(envoy::route::route_action::MaxStreamDuration {
                    max_stream_duration: Some(envoy::duration(Duration::ZERO)),
                    grpc_timeout_header_max: Some(envoy::duration(Duration::ZERO)),
                    ..Default::default()
                }),
                timeout: Some(envoy::duration(Duration::ZERO)),
                cluster_specifier: Some(envoy::route::route_action::ClusterSpecifier::Cluster(
                    name.clone(),
                )),
                ..Default::default()
            },
        )),
        decorator: Some(envoy::route::Decorator {
            operation: format!("{label}/*"),
            ..Default::default()
        }),
        ..Default::default()
    };
    envoy::route::RouteConfiguration {
        name: name.clone(),
        virtual_hosts: vec![envoy::route::VirtualHost {
            name: names::inbound_virtual_host(port),
            domains: vec!["*".to_owned()],
            routes: vec![
                // Retries of gRPC streams do harm, so calls come first and have none.
                route(matches::grpc(), None),
                route(matches::any(), Some(retry::inbound())),
            ],
            ..Default::default()
        }],
        validate_clusters: Some(false),
        ..Default::default()
    }
}
