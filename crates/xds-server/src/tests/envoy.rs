//! The stock Envoy as the client.

mod resources;

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use ferromesh_testkit::client::Request;
use ferromesh_testkit::{programs, wait};
use ferromesh_xds::{Resource, ResourceType};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::World;
use crate::server::Limits;
use resources::{bad_cluster, cluster, encode, endpoints, listener, table, virtual_host};

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
    is_accepted(&world).await;
}

/// Nothing of the clusters is unanswered.
async fn is_accepted(world: &World) {
    wait::eventually("the last response is accepted", async || {
        let streams = world.hub.streams();
        let status = streams
            .first()
            .map(|state| state.status.get(ResourceType::Cluster));
        match status {
            Some(status) if status.sent == status.accepted => Ok(()),
            status => Err(format!("{status:?}")),
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
