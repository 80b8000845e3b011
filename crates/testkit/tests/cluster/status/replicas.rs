//! Of several replicas one tells what became of an object, and the proxies of all of them count.

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation::{self, NAMESPACE};
use ferromesh_testkit::cluster::room::{Room, check};
use ferromesh_testkit::wait;

use super::{SOUND, meshed, message, route, until};

fn control(cluster: &Cluster, arguments: &[&str]) -> String {
    let namespace = ["--namespace", NAMESPACE];
    check(cluster.kubectl().args(namespace).args(arguments))
}

/// The replica that holds the Lease.
pub fn holder(cluster: &Cluster) -> String {
    let holder = "jsonpath={.spec.holderIdentity}";
    control(cluster, &["get", "lease", "ferromesh", "--output", holder])
}

/// How many proxies are connected to a replica.
fn proxies(cluster: &Cluster, replica: &str) -> Result<u32, String> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{replica}:8080/proxy/metrics");
    let metrics = control(cluster, &["get", "--raw", &path]);
    let mut lines = metrics.lines();
    let value = lines.find_map(|line| line.strip_prefix("pilot_xds "));
    let value = value.ok_or_else(|| format!("{replica} says {metrics}"))?;
    value.parse().map_err(|_| value.to_owned())
}

/// Waits until the only proxy is connected to a replica that does not hold the Lease. Which one a pod gets is chance.
async fn elsewhere(cluster: &Cluster, room: &Room) {
    let within = std::time::Duration::from_secs(120);
    wait::within(within, "a proxy of another replica", async || {
        let mut connected = 0;
        let holder = holder(cluster);
        let names = "jsonpath={.items[*].metadata.name}";
        let running = ["get", "pods", "--field-selector=status.phase=Running"];
        let replicas = control(cluster, &[&running[..], &["--output", names]].concat());
        for replica in replicas.split(' ') {
            connected += proxies(cluster, replica)?;
        }
        let own = proxies(cluster, &holder)?;
        if own == 0 && connected == 1 {
            return Ok(());
        }
        if own > 0 && connected == 1 {
            room.kubectl(&["rollout", "restart", "deployment/echo"]);
            room.ready("deployment/echo");
        }
        Err(format!("{own} of {connected} proxies"))
    })
    .await;
}

#[tokio::test]
async fn the_proxies_of_all_replicas_count() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::alone(&cluster);
    installation::install(&cluster, &["--set", "replicas=2"]);
    let room = meshed(&cluster, "replicas");
    elsewhere(&cluster, &room).await;
    // By the proxies of the holder alone, there would be none.
    room.apply(&route("echo"));
    until(&room, "virtualservice", "route", &SOUND).await;

    let bad = "  - headers: {request: {set: {x-a: '%NO_SUCH_COMMAND%'}}}\n    route:";
    room.apply(&route("echo").replace("  - route:", bad));
    let refused = [SOUND[0], SOUND[1], ["Programmed", "False", "Refused"]];
    let object = until(&room, "virtualservice", "route", &refused).await;
    let said = message(&object, "Programmed");
    assert!(
        said.contains("spec.http[0]") && said.contains("NO_SUCH_COMMAND"),
        "{said}"
    );
    room.apply(&route("echo"));
    until(&room, "virtualservice", "route", &SOUND).await;
}
