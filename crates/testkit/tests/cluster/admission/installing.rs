//! Coming and going.

use std::time::{Duration, Instant};

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation::{self, NAMESPACE};
use ferromesh_testkit::cluster::room::{Room, check};
use ferromesh_testkit::wait;

use super::configurations::found;
use crate::echo;

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/ferromesh");

fn root(cluster: &Cluster) -> String {
    let secret = ["get", "secret/ferromesh-ca", "--namespace", NAMESPACE];
    check(
        cluster
            .kubectl()
            .args(secret)
            .args(["--output", "jsonpath={.data}"]),
    )
}

/// Kinds of what there is in the namespace of a release.
const OWN: &str = "configmap,deployment,endpointslice,lease,networkpolicy,pod,poddisruptionbudget,role,rolebinding,secret,service,serviceaccount";

/// What there is of these kinds.
fn left(cluster: &Cluster, namespace: &str, kinds: &str) -> Vec<String> {
    let get = ["get", kinds, "--namespace", namespace, "--output", "name"];
    let found = check(cluster.kubectl().args(get));
    found.lines().map(str::to_owned).collect()
}

async fn gone(cluster: &Cluster, namespace: &str) {
    let within = Duration::from_secs(10);
    wait::within(within, "the configurations go", async || {
        let left = found(cluster, namespace).len();
        if left == 0 {
            Ok(())
        } else {
            Err(format!("{left} are there"))
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_uninstalls_it_loses_nothing_but_the_control_plane() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::alone(&cluster);
    let room = Room::new(&cluster, "leaving", &["istio-injection=enabled"]);
    let before = root(&cluster);
    assert_eq!(found(&cluster, NAMESPACE).len(), 2);
    let begin = Instant::now();
    check(
        cluster
            .helm()
            .args(["uninstall", "ferromesh", "--namespace", NAMESPACE]),
    );
    gone(&cluster, NAMESPACE).await;
    eprintln!(
        "the configurations are gone {:?} after `helm uninstall` was called",
        begin.elapsed()
    );
    // Namespaces that had opted in have pods without a proxy again.
    echo::deploy(&room, 1);
    assert_eq!(root(&cluster), before);
    let definitions = check(cluster.kubectl().args(["get", "crd", "--output", "name"]));
    assert!(
        definitions.contains("virtualservices.networking.istio.io"),
        "{definitions}"
    );
    wait::eventually("nothing else is left", async || {
        let left = [
            left(&cluster, NAMESPACE, OWN),
            left(&cluster, "default", "configmap"),
        ]
        .concat();
        let expected = [
            "configmap/kube-root-ca.crt",
            "secret/ferromesh-ca",
            "serviceaccount/default",
            "configmap/kube-root-ca.crt",
        ];
        if left == expected {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    })
    .await;
    let roles = ["get", "clusterrole,clusterrolebinding", "--output", "name"];
    let roles = check(cluster.kubectl().args(roles));
    assert!(!roles.contains("/ferromesh-"), "{roles}");

    installation::install(&cluster, &[]);
    assert_eq!(
        root(&cluster),
        before,
        "those who are there trust the new one"
    );
    wait::eventually("the configurations come back", async || {
        let there = found(&cluster, NAMESPACE).len();
        if there == 2 {
            Ok(())
        } else {
            Err(format!("{there} are there"))
        }
    })
    .await;
}

#[tokio::test]
async fn two_releases_have_names_of_their_own() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::alone(&cluster);
    let other = Room::new(&cluster, "second", &[]);
    let namespace = ["--namespace", other.name()];
    let install = ["install", "ferromesh", CHART, "--wait", "--timeout=120s"];
    check(cluster.helm().args(install).args(namespace));
    let (ours, theirs) = (found(&cluster, NAMESPACE), found(&cluster, other.name()));
    assert_eq!((ours.len(), theirs.len()), (2, 2));
    // Both write the roots of each namespace, which are not the same: neither insists.
    let version = || {
        let map = [
            "get",
            "configmap/istio-ca-root-cert",
            "--namespace",
            "default",
        ];
        check(
            cluster
                .kubectl()
                .args(map)
                .args(["--output", "jsonpath={.metadata.resourceVersion}"]),
        )
    };
    wait::eventually("they quarrel no more", async || {
        let before = version();
        tokio::time::sleep(Duration::from_secs(3)).await;
        let after = version();
        if before == after {
            Ok(())
        } else {
            Err(format!("{before}, then {after}"))
        }
    })
    .await;
    check(
        cluster
            .helm()
            .args(["uninstall", "ferromesh"])
            .args(namespace),
    );
    gone(&cluster, other.name()).await;
    assert_eq!(found(&cluster, NAMESPACE).len(), 2);
}
