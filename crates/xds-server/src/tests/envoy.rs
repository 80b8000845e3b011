//! The stock Envoy as the client.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use ferromesh_envoy as pb;
use ferromesh_testkit::client::Request;
use ferromesh_testkit::{programs, wait};
use ferromesh_xds::{Resource, ResourceType};
use pb::Message;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::World;
use crate::server::Limits;

/// An Envoy that is killed in the end.
struct Envoy {
    child: Child,
    folder: TempDir,
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Envoy {
    fn start(world: &World, api_type: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ads = json!({"ads": {}, "resource_api_version": "V3"});
        let address = json!({"socket_address": {
            "address": world.address.ip().to_string(), "port_value": world.address.port()}});
        let bootstrap = json!({
            "node": {
                "id": "sidecar~127.0.0.1~pod.ns~ns.svc.cluster.local",
                "cluster": "pod.ns",
            },
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "dynamic_resources": {
                "ads_config": {
                    "api_type": api_type, "transport_api_version": "V3",
                    "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
                },
                "cds_config": ads, "lds_config": ads,
            },
            "static_resources": {"clusters": [{
                "name": "xds", "type": "STATIC", "connect_timeout": "1s",
                "typed_extension_protocol_options": {
                    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                        "explicit_http_config": {"http2_protocol_options": {}},
                    },
                },
                "load_assignment": {
                    "cluster_name": "xds",
                    "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
                },
            }]},
        });
        let config = folder.path().join("bootstrap.json");
        std::fs::write(&config, bootstrap.to_string()).expect("a file");
        let child = Command::new(programs::envoy())
            .args([
                "--concurrency",
                "1",
                "--use-dynamic-base-id",
                "--log-level",
                "warning",
            ])
            .arg("--config-path")
            .arg(&config)
            .arg("--admin-address-path")
            .arg(folder.path().join("admin"))
            .arg("--base-id-path")
            .arg(folder.path().join("base-id"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).expect("a file"))
            .spawn()
            .expect("an Envoy");
        Self { child, folder }
    }

    async fn admin(&self, path: &str) -> Result<String, String> {
        let address =
            std::fs::read_to_string(self.folder.path().join("admin")).map_err(|e| e.to_string())?;
        let address = address
            .trim()
            .parse()
            .map_err(|_| format!("admin address {address}"))?;
        Ok(Request::get("admin", path).send(address).await?.text())
    }

    async fn is_live(&self) {
        wait::eventually("Envoy is live", async || {
            match self.admin("/ready").await?.trim() {
                "LIVE" => Ok(()),
                state => Err(state.to_owned()),
            }
        })
        .await;
    }

    async fn stat(&self, name: &str, expected: impl Fn(u64) -> bool) {
        wait::eventually(name, async || {
            let text = self
                .admin(&format!("/stats?format=json&filter=^{name}$"))
                .await?;
            let stats: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            let value = stats["stats"][0]["value"].as_u64();
            value
                .filter(|value| expected(*value))
                .map(drop)
                .ok_or_else(|| format!("{value:?}"))
        })
        .await;
    }
}

fn encode(
    ty: ResourceType,
    name: &str,
    body: &impl Message,
    eds: bool,
    refers_to: &[&str],
) -> Resource {
    let aliases: &[&str] = if ty == ResourceType::VirtualHost {
        &[name]
    } else {
        &[]
    };
    let refers_to: Vec<_> = refers_to
        .iter()
        .map(|name| std::sync::Arc::from(*name))
        .collect();
    Resource::encode(
        ty,
        name,
        aliases,
        &body.encode_to_vec(),
        refers_to,
        eds.then(|| name.into()),
    )
}

fn ads() -> pb::core::ConfigSource {
    pb::core::ConfigSource {
        config_source_specifier: Some(pb::core::config_source::ConfigSourceSpecifier::Ads(
            pb::core::AggregatedConfigSource::default(),
        )),
        resource_api_version: pb::core::ApiVersion::V3.into(),
        ..pb::core::ConfigSource::default()
    }
}

fn cluster(name: &str, seconds: i64, ring: Option<(u64, u64)>) -> Resource {
    use pb::cluster::cluster::{
        ClusterDiscoveryType, DiscoveryType, EdsClusterConfig, LbConfig, LbPolicy, RingHashLbConfig,
    };
    let ring = ring.map(|(least, most)| {
        LbConfig::RingHashLbConfig(RingHashLbConfig {
            minimum_ring_size: Some(least),
            maximum_ring_size: Some(most),
            ..RingHashLbConfig::default()
        })
    });
    let body = pb::cluster::Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig {
            eds_config: Some(ads()),
            ..EdsClusterConfig::default()
        }),
        connect_timeout: Some(pb::Duration { seconds, nanos: 0 }),
        lb_policy: if ring.is_some() {
            LbPolicy::RingHash.into()
        } else {
            LbPolicy::RoundRobin.into()
        },
        lb_config: ring,
        ..pb::cluster::Cluster::default()
    };
    encode(ResourceType::Cluster, name, &body, true, &[])
}

/// A cluster that Envoy refuses: without a time it cannot be said how long to connect.
fn bad_cluster(name: &str) -> Resource {
    cluster(name, -1, None)
}

fn endpoints(name: &str) -> Resource {
    let body = pb::endpoint::ClusterLoadAssignment {
        cluster_name: name.to_owned(),
        ..pb::endpoint::ClusterLoadAssignment::default()
    };
    encode(ResourceType::Endpoints, name, &body, false, &[])
}

fn virtual_host(name: &str, cluster: &str) -> pb::route::VirtualHost {
    use pb::route::{Route, RouteAction, RouteMatch, route::Action, route_action, route_match};
    pb::route::VirtualHost {
        name: name.to_owned(),
        domains: vec![name.to_owned()],
        routes: vec![Route {
            r#match: Some(RouteMatch {
                path_specifier: Some(route_match::PathSpecifier::Prefix("/".to_owned())),
                ..RouteMatch::default()
            }),
            action: Some(Action::Route(RouteAction {
                cluster_specifier: Some(route_action::ClusterSpecifier::Cluster(
                    cluster.to_owned(),
                )),
                ..RouteAction::default()
            })),
            ..Route::default()
        }],
        ..pb::route::VirtualHost::default()
    }
}

/// A table, with its hosts elsewhere or inline.
fn table(name: &str, inline: Option<pb::route::VirtualHost>) -> Resource {
    let vhds = inline.is_none().then(|| pb::route::Vhds {
        config_source: Some(ads()),
    });
    let body = pb::route::RouteConfiguration {
        name: name.to_owned(),
        virtual_hosts: inline.into_iter().collect(),
        vhds,
        ..pb::route::RouteConfiguration::default()
    };
    encode(ResourceType::Route, name, &body, false, &["a"])
}

fn listener(name: &str, table: &str) -> Resource {
    use pb::hcm::http_connection_manager::RouteSpecifier;
    use pb::listener::{Filter, FilterChain, filter::ConfigType};
    let manager = pb::hcm::HttpConnectionManager {
        stat_prefix: "in".to_owned(),
        route_specifier: Some(RouteSpecifier::Rds(pb::hcm::Rds {
            config_source: Some(ads()),
            route_config_name: table.to_owned(),
        })),
        http_filters: vec![pb::hcm::HttpFilter {
            name: "router".to_owned(),
            config_type: Some(pb::hcm::http_filter::ConfigType::TypedConfig(pb::any(
                &pb::router::Router::default(),
            ))),
            ..pb::hcm::HttpFilter::default()
        }],
        ..pb::hcm::HttpConnectionManager::default()
    };
    let socket = pb::core::SocketAddress {
        address: "127.0.0.1".to_owned(),
        port_specifier: Some(pb::core::socket_address::PortSpecifier::PortValue(0)),
        ..pb::core::SocketAddress::default()
    };
    let body = pb::listener::Listener {
        name: name.to_owned(),
        address: Some(pb::core::Address {
            address: Some(pb::core::address::Address::SocketAddress(socket)),
        }),
        filter_chains: vec![FilterChain {
            filters: vec![Filter {
                name: "http".to_owned(),
                config_type: Some(ConfigType::TypedConfig(pb::any(&manager))),
            }],
            ..FilterChain::default()
        }],
        ..pb::listener::Listener::default()
    };
    encode(ResourceType::Listener, name, &body, false, &[])
}

fn shop(delta: bool) -> Vec<Resource> {
    let host = virtual_host("shop", "a");
    let mut all = vec![
        cluster("a", 1, None),
        endpoints("a"),
        // Nobody knows the endpoints of this one.
        cluster("unknown", 1, None),
        listener("l", "t"),
        table("t", (!delta).then(|| host.clone())),
    ];
    if delta {
        all.push(listener("e", "empty"));
        all.push(table("empty", None));
        all.push(encode(
            ResourceType::VirtualHost,
            "t/shop",
            &host,
            false,
            &["a"],
        ));
    } else {
        all.push(endpoints("unknown"));
    }
    all
}

/// Brings up an Envoy, updates clusters, lets it refuse one, and breaks the stream.
async fn live(api_type: &str, delta: bool) {
    let mut world = World::start(Limits::default()).await;
    world.put(shop(delta));
    let started = Instant::now();
    let envoy = Envoy::start(&world, api_type);
    envoy.is_live().await;
    // What is not answered costs Envoy 15 s.
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    envoy
        .stat("cluster_manager.cds.update_success", |count| count >= 1)
        .await;
    world.put(vec![cluster("a", 2, None)]);
    envoy
        .stat("cluster_manager.cluster_modified", |count| count == 1)
        .await;
    envoy
        .stat("cluster_manager.warming_clusters", |count| count == 0)
        .await;
    world.put(vec![
        bad_cluster("a"),
        bad_cluster("b"),
        cluster("c", 1, None),
        endpoints("c"),
    ]);
    envoy
        .stat("cluster_manager.cds.update_rejected", |count| count >= 1)
        .await;
    wait::eventually("both refusals are known", async || {
        let mut refused = world.refused();
        refused.sort();
        if refused == ["a", "b"] {
            Ok(())
        } else {
            Err(format!("{refused:?}"))
        }
    })
    .await;
    envoy
        .stat("cluster_manager.warming_clusters", |count| count == 0)
        .await;
    world.put(vec![
        cluster("a", 3, None),
        cluster("b", 3, None),
        endpoints("b"),
    ]);
    envoy
        .stat("cluster_manager.active_clusters", |count| count == 5)
        .await;
    let quiet = world.hub.streams();
    let clusters = quiet
        .first()
        .map(|state| state.status.get(ResourceType::Cluster).clone());
    wait::eventually("the last response is accepted", async || {
        let streams = world.hub.streams();
        let status = streams
            .first()
            .map(|state| state.status.get(ResourceType::Cluster).clone());
        match status {
            Some(status) if status.sent == status.accepted => Ok(()),
            status => Err(format!("{status:?} before {clusters:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn delta() {
    live("DELTA_GRPC", true).await;
}

#[tokio::test]
async fn state_of_the_world() {
    live("GRPC", false).await;
}

/// The class of clusters that Envoy refuses late: it never says so, as soon as something warms,
/// and takes no more part in discovery. Only the next good version frees it.
#[tokio::test]
async fn a_cluster_that_mutes_envoy_is_cured_by_the_next_version() {
    let mut world = World::start(Limits::default()).await;
    world.put(shop(true));
    let envoy = Envoy::start(&world, "DELTA_GRPC");
    envoy.is_live().await;
    world.put(vec![
        cluster("mute", 1, Some((2000, 1000))),
        endpoints("mute"),
    ]);
    envoy
        .stat("cluster_manager.cds.update_rejected", |count| count >= 1)
        .await;
    world.put(vec![cluster("a", 2, None)]);
    envoy
        .stat("cluster_manager.cluster_modified", |count| count == 1)
        .await;
    envoy
        .stat("cluster_manager.warming_clusters", |count| count == 0)
        .await;
    world.put(vec![cluster("mute", 1, Some((1000, 2000)))]);
    envoy
        .stat("cluster_manager.active_clusters", |count| count == 4)
        .await;
}
