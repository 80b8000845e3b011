//! Pods, and services between them.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use ferromesh_testkit::client::{Connection, Protocol, Request};
use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::room::Room;
use ferromesh_testkit::{network, wait};

use crate::echo;

#[test]
fn the_node_is_ready_and_has_the_version_of_the_module() {
    let room = Room::new(&Cluster::of_tests(), "node", &[]);
    let status = "jsonpath={.status.conditions[?(@.type=='Ready')].status} {.status.nodeInfo.kubeletVersion}";
    assert_eq!(
        room.kubectl(&["get", "node", "node1", "--output", status]),
        "True v1.37.1"
    );
}

#[tokio::test]
async fn both_pods_of_a_service_answer_to_its_name() {
    let room = Room::new(&Cluster::of_tests(), "service", &[]);
    echo::deploy(&room, 2);
    let names = room.kubectl(&[
        "get",
        "pods",
        "--output",
        "jsonpath={.items[*].metadata.name}",
    ]);
    let pods: BTreeSet<String> = names.split(' ').map(str::to_owned).collect();
    assert_eq!(pods.len(), 2);
    // The rules of the second endpoint may come a moment after its pod is ready.
    let found = wait::eventually("each pod answers", async || {
        let answers = room.ask("deployment/echo", &["--count=40", "http://echo/status/202"]);
        let instances = answers
            .iter()
            .filter(|answer| answer["status"] == 202)
            .filter_map(|answer| answer["instance"].as_str().map(str::to_owned));
        let found: BTreeSet<String> = instances.collect();
        if found.len() == 2 {
            Ok(found)
        } else {
            Err(format!("{answers:?}"))
        }
    })
    .await;
    assert_eq!(found, pods);
}

#[test]
fn what_a_test_sends_from_the_network_of_a_pod_comes_from_its_address() {
    let room = Room::new(&Cluster::of_tests(), "network", &[]);
    echo::deploy(&room, 1);
    let said = room.kubectl(&[
        "get",
        "pods",
        "--output",
        "jsonpath={.items[0].metadata.name} {.items[0].status.podIP}",
    ]);
    let (pod, address) = said.split_once(' ').expect("a name and an address");
    let found = network::run_in(&room.network(pod), async || {
        let to: SocketAddr = format!("{address}:8080").parse().expect("an address");
        let connection = Connection::open(to, Protocol::Http1).await?;
        Ok::<_, String>(connection.local_address().ip().to_string())
    });
    assert_eq!(found.as_deref(), Ok(address));
}

#[tokio::test]
async fn the_host_reaches_pods_at_their_own_addresses() {
    let room = Room::new(&Cluster::of_tests(), "host", &[]);
    echo::deploy(&room, 1);
    let address = room.kubectl(&[
        "get",
        "pods",
        "--output",
        "jsonpath={.items[0].status.podIP}",
    ]);
    let to: SocketAddr = format!("{address}:8080").parse().expect("an address");
    let answer = Request::get("echo", "/status/202").send(to).await;
    assert_eq!(answer.expect("an answer").status, 202);
}

#[test]
fn logs_and_exit_codes_of_pods_are_there() {
    let room = Room::new(&Cluster::of_tests(), "logs", &[]);
    echo::deploy(&room, 1);
    let log = room.kubectl(&["logs", "deployment/echo"]);
    assert!(log.contains("ferromesh-echo"), "{log}");
    let refused = room
        .command()
        .args([
            "exec",
            "deployment/echo",
            "--",
            "/usr/local/bin/ferromesh-ask",
            "ftp://a",
        ])
        .output()
        .expect("kubectl is there");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(
        said.contains("not an address like http://HOST/PATH"),
        "{said}"
    );
}
