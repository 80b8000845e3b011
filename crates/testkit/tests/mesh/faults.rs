//! What goes wrong, or is done on purpose, while requests go on: none of them fails.

use std::time::Duration;

use ferromesh_testkit::client::Protocol;
use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation::{self, NAMESPACE};
use ferromesh_testkit::cluster::room::check;
use ferromesh_testkit::wait;

use crate::load::Load;
use crate::pair::Pair;

/// So many requests have to be served after something has happened.
const AFTER: usize = 200;

/// A pair under load, in a mesh that nobody else uses.
pub struct World {
    pub cluster: Cluster,
    pub pair: Pair,
    pub load: Load,
    _mesh: installation::Alone,
}

impl World {
    /// One in a mesh with these values.
    pub fn new(name: &str, protocol: Protocol, values: &[&str]) -> Self {
        let cluster = Cluster::of_tests();
        let mesh = installation::alone(&cluster);
        if !values.is_empty() {
            installation::install(&cluster, values);
        }
        let pair = Pair::deploy(&cluster, name);
        let load = Load::start(pair.client(), pair.service(), "echo", protocol);
        Self {
            cluster,
            pair,
            load,
            _mesh: mesh,
        }
    }

    /// `kubectl` in the namespace of the control plane.
    pub fn control_plane(&self, arguments: &[&str]) -> String {
        let mut command = self.cluster.kubectl();
        check(command.args(["--namespace", NAMESPACE]).args(arguments))
    }

    pub fn control_plane_is_ready(&self) {
        self.control_plane(&["rollout", "status", "deployment/ferromesh", "--timeout=60s"]);
    }

    /// Lets some more requests pass.
    pub async fn more(&self) {
        let until = self.load.sent() + AFTER;
        wait::eventually("the load goes on", async || {
            let sent = self.load.sent();
            if sent >= until {
                Ok(())
            } else {
                Err(format!("{sent} requests"))
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_control_plane_that_is_killed_or_upgraded_is_not_missed() {
    let world = World::new("restart", Protocol::Http1, &[]);
    world.more().await;
    world.control_plane(&["delete", "pods", "--all", "--force", "--grace-period=0"]);
    world.control_plane_is_ready();
    world.more().await;
    installation::install(&world.cluster, &["--set", "log.level=debug"]);
    world.more().await;
    // Whoever comes later is served by the new one.
    world
        .pair
        .room
        .kubectl(&["rollout", "restart", "deployment/client"]);
    world.pair.room.ready("deployment/client");
    let total = world.load.stop("the control plane was killed and upgraded");
    assert!(total > AFTER);
}

#[tokio::test]
async fn an_application_is_rolled_and_scaled_without_a_failed_request() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let world = World::new("rollout", protocol, &[]);
        let room = &world.pair.room;
        world.more().await;
        room.kubectl(&["rollout", "restart", "deployment/echo"]);
        room.ready("deployment/echo");
        world.more().await;
        room.kubectl(&["scale", "deployment/echo", "--replicas=4"]);
        room.ready("deployment/echo");
        world.more().await;
        room.kubectl(&["scale", "deployment/echo", "--replicas=1"]);
        wait::eventually("three instances are gone", async || {
            let left = room.kubectl(&["get", "pods", "--selector=app=echo", "--output=name"]);
            if left.lines().count() == 1 {
                Ok(())
            } else {
                Err(left)
            }
        })
        .await;
        world.more().await;
        world.load.stop("the application was rolled and scaled");
    }
}

#[tokio::test]
async fn leaves_and_the_root_are_renewed_without_a_failed_request() {
    let short = ["--set", "certificateLifetime=60"];
    let world = World::new("rotation", Protocol::Http1, &short);
    let roots = || {
        let path = "jsonpath={.data.root-cert\\.pem}";
        let map =
            world
                .pair
                .room
                .kubectl(&["get", "configmap", "istio-ca-root-cert", "--output", path]);
        map.matches("BEGIN CERTIFICATE").count()
    };
    assert_eq!(roots(), 1);
    let begin = [
        "annotate",
        "secret",
        "ferromesh-ca",
        "ferromesh.io/rotate-root=now",
    ];
    world.control_plane(&begin);
    let patience = Duration::from_secs(60);
    wait::within(patience, "both roots are published", async || {
        let count = roots();
        if count == 2 {
            Ok(())
        } else {
            Err(format!("{count} roots"))
        }
    })
    .await;
    // Everybody has a minute to hear of the new one, and the old one goes when its last leaf has ended.
    wait::within(5 * patience, "the old root is gone", async || {
        let count = roots();
        if count == 1 {
            Ok(())
        } else {
            Err(format!("{count} roots"))
        }
    })
    .await;
    world.more().await;
    let total = world.load.stop("leaves and the root were renewed");
    assert!(total > 5 * AFTER);
}
