//! Nothing is written that isn't new.

use std::collections::BTreeMap;
use std::time::Duration;

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation::{self, NAMESPACE};
use ferromesh_testkit::cluster::room::{Room, check};
use ferromesh_testkit::wait;
use serde_json::Value;

use super::{SOUND, meshed, object, route, until};

/// As long as this nothing may happen.
const QUIET: Duration = Duration::from_secs(10);

/// The versions of all objects in these namespaces, and of what is written for the whole cluster, but for Leases and
/// what Kubernetes tells of its own doings.
fn versions(cluster: &Cluster, namespaces: &[&str]) -> BTreeMap<String, String> {
    const IN_NAMESPACES: &str = "pods,services,endpointslices,configmaps,secrets,deployments,virtualservices,\
        destinationrules,gateways.networking.istio.io,serviceaccounts";
    const OF_ALL: &str = "mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,customresourcedefinitions";
    const COLUMNS: &str =
        "custom-columns=KIND:.kind,NAME:.metadata.name,VERSION:.metadata.resourceVersion";
    let get = |arguments: &[&str]| {
        let mut command = cluster.kubectl();
        check(
            command
                .arg("get")
                .args(arguments)
                .args(["--no-headers", "--output", COLUMNS]),
        )
    };
    let mut all: Vec<_> = namespaces
        .iter()
        .map(|namespace| get(&[IN_NAMESPACES, "--namespace", namespace]))
        .collect();
    all.push(get(&[OF_ALL]));
    all.iter()
        .flat_map(|text| text.lines())
        .filter_map(|line| {
            let (object, version) = line.trim_end().rsplit_once(' ')?;
            Some((object.trim_end().to_owned(), version.to_owned()))
        })
        .collect()
}

#[tokio::test]
async fn an_idle_cluster_sees_no_writes_but_the_lease() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::alone(&cluster);
    let room = meshed(&cluster, "quiet");
    room.apply(&route("echo"));
    until(&room, "virtualservice", "route", &SOUND).await;
    let namespaces = [room.name(), NAMESPACE];
    wait::within(Duration::from_secs(120), "it is quiet", async || {
        let before = versions(&cluster, &namespaces);
        assert!(before.len() > 20, "{before:?}");
        // That nothing happens can't be waited for.
        tokio::time::sleep(QUIET).await;
        let after = versions(&cluster, &namespaces);
        if before == after {
            Ok(())
        } else {
            let changed = after
                .iter()
                .filter(|(name, version)| before.get(*name) != Some(*version));
            Err(format!("{:?}", changed.collect::<Vec<_>>()))
        }
    })
    .await;
}

fn version(room: &Room) -> String {
    let object = object(room, "virtualservice", "route");
    object["metadata"]["resourceVersion"].to_string()
}

#[tokio::test]
async fn scaling_and_another_holder_of_the_lease_write_nothing() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::alone(&cluster);
    let room = meshed(&cluster, "scaling");
    room.apply(&route("echo"));
    until(&room, "virtualservice", "route", &SOUND).await;
    let before = version(&room);
    for replicas in ["--replicas=3", "--replicas=0", "--replicas=1"] {
        room.kubectl(&["scale", "deployment/echo", replicas]);
        room.ready("deployment/echo");
    }
    marked(&room, "scaled").await;
    assert_eq!(version(&room), before);

    let control = |arguments: &[&str]| {
        check(
            cluster
                .kubectl()
                .args(["--namespace", NAMESPACE])
                .args(arguments),
        )
    };
    let holder = || super::replicas::holder(&cluster);
    let first = holder();
    control(&["rollout", "restart", "deployment/ferromesh"]);
    control(&[
        "rollout",
        "status",
        "deployment/ferromesh",
        "--timeout=120s",
    ]);
    wait::eventually("another replica holds the lease", async || {
        let holder = holder();
        if holder.is_empty() || holder == first {
            Err(holder)
        } else {
            Ok(())
        }
    })
    .await;
    marked(&room, "led").await;
    assert_eq!(version(&room), before);
}

/// Waits until another object, made now, has a status: statuses have been compared since.
pub async fn marked(room: &Room, name: &str) {
    room.apply(&route("echo").replace("{name: route}", &format!("{{name: {name}}}")));
    wait::eventually("a new object has a status", async || {
        match &object(room, "virtualservice", name)["status"] {
            Value::Null => Err("it has none".to_owned()),
            _ => Ok(()),
        }
    })
    .await;
    room.kubectl(&["delete", "virtualservice", name]);
}
