//! Clients that are broken or mean: whatever one of them does, the control plane goes on, and an
//! honest client gets what it is waiting for.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest,
};
use envoy_types::pb::google::rpc::Status;
use ferromesh_testkit::ads_client::{AdsClient, Variant};
use ferromesh_testkit::fake_envoy::{FakeEnvoy, node};
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::Mesh;

const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
const SERVICES: usize = 300;

/// A control plane with some hundred services, and an honest client that holds all of them.
struct Stage {
    honest: FakeEnvoy,
    turn: usize,
    mesh: Mesh,
}

fn slice(service: usize, turn: usize) -> String {
    format!(
        "apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: svc-{service}, namespace: mesh, labels: {{kubernetes.io/service-name: svc-{service}}}}}
addressType: IPv4
ports: [{{name: http, port: 8080}}]
endpoints: [{{addresses: [10.9.{service_low}.{turn}], conditions: {{ready: true}}}}]
---
",
        service_low = service % 250,
    )
}

impl Stage {
    async fn set() -> Self {
        let files = Manifests::new();
        let mut text = String::new();
        for service in 0..SERVICES {
            text += &format!(
                "apiVersion: v1
kind: Service
metadata: {{name: svc-{service}, namespace: mesh}}
spec: {{clusterIP: 10.96.{}.{}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
---
{}",
                service / 250,
                service % 250 + 1,
                if service == 0 {
                    String::new()
                } else {
                    slice(service, 1)
                }
            );
        }
        files.write("services.yaml", &text);
        files.write("flap.yaml", &slice(0, 1));
        let mesh = Mesh::start(files).await;
        let mut honest = FakeEnvoy::connect(mesh.xds(), node("mesh", "honest", "10.1.0.1"))
            .await
            .expect("the control plane serves");
        while honest.count("ClusterLoadAssignment") < SERVICES {
            honest
                .next()
                .await
                .expect("a sound stream")
                .expect("an open stream");
        }
        Self {
            honest,
            turn: 1,
            mesh,
        }
    }

    fn xds(&self) -> SocketAddr {
        self.mesh.xds()
    }

    /// An endpoint changes, and the honest client gets it.
    async fn go_on(&mut self) {
        self.turn += 1;
        self.mesh
            .manifests()
            .write("flap.yaml", &slice(0, self.turn));
        let marker = format!("10.9.0.{}", self.turn);
        let arrival = async {
            loop {
                let received = self.honest.next().await.expect("a sound stream");
                let received = received.expect("an open stream");
                let arrived = received.resources.iter().any(|(_, body)| {
                    body.windows(marker.len())
                        .any(|window| window == marker.as_bytes())
                });
                if arrived {
                    return;
                }
            }
        };
        tokio::time::timeout(ferromesh_testkit::wait::DEADLINE, arrival)
            .await
            .unwrap_or_else(|_| {
                panic!("the honest client starves\n{}", self.mesh.operator().log())
            });
    }
}

/// Subscribes to all clusters.
fn all_clusters(name: &str) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        node: Some(node("mesh", name, "10.1.0.2")),
        type_url: CLUSTER.into(),
        ..DeltaDiscoveryRequest::default()
    }
}

fn endpoints(names: impl IntoIterator<Item = String>) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: ENDPOINTS.into(),
        resource_names_subscribe: names.into_iter().collect(),
        ..DeltaDiscoveryRequest::default()
    }
}

/// Reads until the server ends the stream, one way or the other.
async fn until_closed(client: &mut AdsClient) -> io::Result<Option<(String, String)>> {
    while client.receive_raw().await?.is_some() {}
    client.status().await
}

#[tokio::test]
async fn garbage_ends_only_the_stream_that_it_comes_on() {
    let mut stage = Stage::set().await;
    let garbage: [(&str, Bytes); 4] = [
        (
            "no protobuf",
            Bytes::from_static(&[0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff]),
        ),
        (
            "compressed without agreement",
            Bytes::from_static(&[1, 0, 0, 0, 1, 0]),
        ),
        (
            "a message of 4 GiB",
            Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff, 0]),
        ),
        ("a message of 5 MiB", {
            let mut bytes = vec![0, 0, 0x50, 0, 0];
            bytes.resize(5 + (5 << 20), 0);
            bytes.into()
        }),
    ];
    for (what, bytes) in garbage {
        for variant in [Variant::Delta, Variant::StateOfTheWorld] {
            let mut client = AdsClient::connect(stage.xds(), variant)
                .await
                .expect("a stream");
            client.send_raw(bytes.clone()).expect("an open stream");
            if let Ok(status) = until_closed(&mut client).await {
                let (code, message) = status.unwrap_or_else(|| panic!("{what}: no status"));
                assert_ne!(code, "0", "{what}");
                assert!(!message.is_empty(), "{what}: a status without a reason");
            }
            stage.go_on().await;
        }
    }
    // A node that is none.
    let mut client = AdsClient::connect(stage.xds(), Variant::Delta)
        .await
        .expect("a stream");
    let mut request = all_clusters("x");
    request.node = Some(envoy_types::pb::envoy::config::core::v3::Node {
        id: "who?".into(),
        ..Default::default()
    });
    client.send(&request).expect("an open stream");
    let status = until_closed(&mut client).await.expect("a status");
    let (code, message) = status.expect("a status");
    assert_ne!(code, "0");
    assert!(message.contains("node id"), "{message}");
    stage.go_on().await;
}

#[tokio::test]
async fn types_and_names_that_do_not_exist_are_answered_and_forgotten() {
    let mut stage = Stage::set().await;
    let mut client = AdsClient::connect(stage.xds(), Variant::Delta)
        .await
        .expect("a stream");
    client
        .send(&all_clusters("stranger"))
        .expect("an open stream");
    client
        .send(&DeltaDiscoveryRequest {
            type_url: "type.googleapis.com/no.such.Type".into(),
            resource_names_subscribe: vec!["*".into()],
            ..DeltaDiscoveryRequest::default()
        })
        .expect("an open stream");
    client
        .send(&endpoints(["nobody".to_owned()]))
        .expect("an open stream");
    let mut clusters = 0;
    loop {
        let response: DeltaDiscoveryResponse = client
            .receive()
            .await
            .expect("a sound stream")
            .expect("an open stream");
        match response.type_url.as_str() {
            CLUSTER => clusters += response.resources.len(),
            ENDPOINTS => {
                assert_eq!(response.removed_resources, ["nobody"]);
                break;
            }
            other => panic!("an answer of type {other}"),
        }
    }
    assert!(
        clusters >= SERVICES,
        "{clusters} clusters before the unknown endpoints"
    );
    stage.go_on().await;
}

#[tokio::test]
async fn endless_subscriptions_are_refused() {
    let mut stage = Stage::set().await;
    let mut client = AdsClient::connect(stage.xds(), Variant::Delta)
        .await
        .expect("a stream");
    client
        .send(&all_clusters("greedy"))
        .expect("an open stream");
    let mut refused = None;
    for turn in 0..2_000_usize {
        let names = (0..1_000).map(|name| format!("nobody-{turn}-{name}"));
        if client.send(&endpoints(names)).is_err() {
            refused = Some(turn);
            break;
        }
        // Let the server speak, as a client must.
        match tokio::time::timeout(std::time::Duration::from_secs(10), client.receive_raw()).await {
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None) | Err(_)) => {
                refused = Some(turn);
                break;
            }
            Err(_) => panic!("turn {turn} is not answered"),
        }
    }
    // Two million names that nobody has: either they cost nothing, or the stream is ended.
    println!("refused after {refused:?} thousand names");
    stage.go_on().await;
}

#[tokio::test]
async fn whoever_does_not_read_or_acknowledge_hurts_nobody() {
    let mut stage = Stage::set().await;
    let mut mutes = Vec::new();
    for number in 0..50 {
        // Subscribes to everything, and never reads. Not even the clusters fit into its window.
        let mut client = AdsClient::connect_with_window(stage.xds(), Variant::Delta, 1 << 14)
            .await
            .expect("a stream");
        client
            .send(&all_clusters(&format!("mute-{number}")))
            .expect("an open stream");
        client
            .send(&endpoints((0..SERVICES).map(|s| {
                format!("outbound|80||svc-{s}.mesh.svc.cluster.local")
            })))
            .expect("an open stream");
        mutes.push(client);
    }
    for _ in 0..50 {
        stage.go_on().await;
    }
    // When one of them reads at last, it gets the newest state, once.
    let marker = format!("10.9.0.{}", stage.turn);
    let client = &mut mutes[0];
    let mut versions_of_flap = 0;
    loop {
        let response: DeltaDiscoveryResponse = client
            .receive()
            .await
            .expect("a sound stream")
            .expect("an open stream");
        let flap = response
            .resources
            .iter()
            .find(|resource| resource.name == "outbound|80||svc-0.mesh.svc.cluster.local");
        if let Some(flap) = flap {
            versions_of_flap += 1;
            let body = flap
                .resource
                .as_ref()
                .map(|any| any.value.clone())
                .unwrap_or_default();
            if body
                .windows(marker.len())
                .any(|window| window == marker.as_bytes())
            {
                break;
            }
        }
        assert!(
            versions_of_flap <= 2,
            "{versions_of_flap} versions were queued"
        );
    }
}

#[tokio::test]
async fn stale_nonces_and_false_refusals_change_nothing_for_others() {
    let mut stage = Stage::set().await;
    let mut liar = AdsClient::connect(stage.xds(), Variant::Delta)
        .await
        .expect("a stream");
    liar.send(&all_clusters("liar")).expect("an open stream");
    for turn in 0..20 {
        let response: Option<DeltaDiscoveryResponse> =
            tokio::time::timeout(std::time::Duration::from_secs(10), liar.receive())
                .await
                .ok()
                .map(|response| response.expect("a sound stream").expect("an open stream"));
        let Some(response) = response else { break };
        for nonce in [
            response.nonce,
            "0".into(),
            "999999".into(),
            "no number".into(),
        ] {
            liar.send(&DeltaDiscoveryRequest {
                type_url: response.type_url.clone(),
                response_nonce: nonce,
                error_detail: Some(Status {
                    code: 3,
                    message: format!("turn {turn}: I refuse everything: outbound|80||svc-0.mesh.svc.cluster.local"),
                    details: Vec::new(),
                }),
                ..DeltaDiscoveryRequest::default()
            })
            .expect("an open stream");
        }
        stage.go_on().await;
    }
    // A new honest client still gets everything.
    let mut other = FakeEnvoy::connect(stage.xds(), node("mesh", "other", "10.1.0.3"))
        .await
        .expect("a stream");
    while other.count("ClusterLoadAssignment") < SERVICES {
        other
            .next()
            .await
            .expect("a sound stream")
            .expect("an open stream");
    }
}

#[tokio::test]
async fn reconnecting_in_a_loop_starves_nobody() {
    let mut stage = Stage::set().await;
    for turn in 0..200 {
        let mut client = AdsClient::connect(stage.xds(), Variant::StateOfTheWorld)
            .await
            .expect("a stream");
        client
            .send(&DiscoveryRequest {
                node: Some(node("mesh", &format!("hasty-{turn}"), "10.1.0.4")),
                type_url: CLUSTER.into(),
                ..DiscoveryRequest::default()
            })
            .expect("an open stream");
        drop(client);
        if turn % 20 == 0 {
            stage.go_on().await;
        }
    }
    stage.go_on().await;
}
