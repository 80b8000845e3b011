//! The command line on a cluster.

use std::process::{Command, Output};

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::installation;
use ferromesh_testkit::cluster::room::Room;
use ferromesh_testkit::programs::program;
use ferromesh_testkit::wait;
use serde_json::Value;

use crate::pair::Pair;

fn ferromesh(cluster: &Cluster, arguments: &[&str]) -> Output {
    Command::new(program("ferromesh"))
        .args(arguments)
        .env("KUBECONFIG", cluster.kubeconfig())
        .output()
        .expect("ferromesh can be run")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test]
async fn every_proxy_has_what_it_should_have_and_shows_it() {
    let cluster = Cluster::of_tests();
    let _mesh = installation::shared(&cluster);
    let pair = Pair::deploy(&cluster, "cli");
    let client = format!("{}.{}", pair.pod("client"), pair.room.name());
    wait::eventually("the client is synced", async || {
        let rows = json(&ferromesh(&cluster, &["proxy-status", "-o", "json"]));
        let row = rows
            .as_array()
            .and_then(|rows| rows.iter().find(|row| row["proxy"] == *client));
        match row {
            Some(row) if row["state"] == "SYNCED" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;

    let clusters = ferromesh(&cluster, &["proxy-config", "clusters", &client]);
    assert!(clusters.status.success(), "{clusters:?}");
    let text = String::from_utf8_lossy(&clusters.stdout);
    let name = format!("outbound|80||echo.{}.svc.cluster.local", pair.room.name());
    assert!(text.contains(&name), "{name} in {text}");
    let all = ferromesh(&cluster, &["proxy-config", "all", &client]);
    let text = String::from_utf8_lossy(&all.stdout);
    assert!(
        text.contains("CERTIFICATE") || text.contains("certificate_chain"),
        "secrets are shown"
    );
    assert!(!text.contains("PRIVATE KEY"), "but no key");
    let nobody = ferromesh(&cluster, &["proxy-config", "clusters", "nobody.nowhere"]);
    assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
}

#[tokio::test]
async fn a_pod_that_asked_for_a_proxy_and_has_none_is_reported() {
    let cluster = Cluster::of_tests();
    let mesh = installation::alone(&cluster);
    let checked = || {
        let output = ferromesh(&cluster, &["check", "-o", "json"]);
        let lines = json(&output);
        let wrong = lines.as_array().expect("lines").iter();
        let wrong: Vec<_> = wrong
            .filter(|line| line["state"] == "WRONG")
            .map(|line| line["fact"].as_str().unwrap_or_default().to_owned())
            .collect();
        (output.status.code(), wrong)
    };
    wait::eventually("nothing is wrong", async || {
        let (code, wrong) = checked();
        if code == Some(0) {
            Ok(())
        } else {
            Err(wrong.join("; "))
        }
    })
    .await;
    // It is there before its namespace asks.
    let room = Room::new(&cluster, "late", &[]);
    room.apply(
        "{apiVersion: v1, kind: Pod, metadata: {name: early}, spec: {containers: [\
         {name: app, image: 'ferromesh.test/echo:dev', args: [--instance=early, '--http=0.0.0.0:8080']}]}}",
    );
    room.kubectl(&[
        "wait",
        "--for=condition=Ready",
        "pod/early",
        "--timeout=60s",
    ]);
    assert_eq!(checked().0, Some(0));
    room.kubectl(&["label", "namespace", room.name(), "istio-injection=enabled"]);
    let (code, wrong) = checked();
    assert_eq!(code, Some(1));
    let name = format!("{}/early", room.name());
    assert!(wrong.iter().any(|fact| fact.contains(&name)), "{wrong:?}");
    drop(mesh);
}

#[test]
fn a_cluster_is_told_whether_it_can_have_a_mesh() {
    let cluster = Cluster::of_tests();
    let output = ferromesh(&cluster, &["check", "--pre"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Kubernetes is v1.37"), "{text}");
}
