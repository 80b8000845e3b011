//! From objects to clients: the compile loop and the streams together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse,
};
use envoy_types::pb::google::rpc::Status;
use ferromesh_api::Object;
use ferromesh_dialects::{default_units, lower};
use ferromesh_testkit::ads_client::{AdsClient, Variant};
use ferromesh_testkit::fake_envoy::{FakeEnvoy, node};
use ferromesh_testkit::wait::eventually;
use ferromesh_xds::ResourceType;
use ferromesh_xds_server::{Applied, Change, Limits, Plane, PlaneHandle, Transport, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;

struct ControlPlane {
    plane: PlaneHandle,
    address: SocketAddr,
}

impl ControlPlane {
    async fn start() -> Self {
        let (plane, handle) = Plane::new(Box::new(|_| {}));
        tokio::spawn(plane.run());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(serve(
            listener,
            Transport::Loopback,
            handle.clone(),
            Limits::default(),
            std::future::pending(),
        ));
        Self {
            plane: handle,
            address,
        }
    }

    async fn apply(&self, objects: Vec<Value>) -> Applied {
        let lowered = objects
            .into_iter()
            .map(|content| lower(&Object::new(content).expect("an object")));
        let changes = default_units()
            .into_iter()
            .chain(lowered)
            .map(|unit| Change::Replace(Arc::new(unit)));
        self.plane
            .apply(changes.collect(), Instant::now())
            .await
            .expect("a running plane")
    }

    async fn connect(&self, pod: &str, address: &str) -> FakeEnvoy {
        FakeEnvoy::connect(self.address, node("shop", pod, address))
            .await
            .expect("a connection")
    }
}

fn service(name: &str, ip: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "clusterIP": ip, "clusterIPs": [ip],
            "selector": {"app": name},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}],
        },
    })
}

fn slice(service: &str, address: &str) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": format!("{service}-1"), "namespace": "shop",
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    })
}

fn rule(service: &str, connections: u32) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
        "metadata": {"name": service, "namespace": "shop"},
        "spec": {
            "host": service,
            "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": connections}}},
        },
    })
}

fn pod(name: &str, address: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
        "spec": {"serviceAccountName": "default", "containers": [{"name": "app", "image": "x"}]},
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]},
    })
}

fn shop() -> Vec<Value> {
    vec![
        service("a", "10.96.0.1"),
        slice("a", "10.0.0.1"),
        service("b", "10.96.0.2"),
        slice("b", "10.0.0.2"),
        pod("one", "10.0.1.1"),
        pod("two", "10.0.1.2"),
    ]
}

const CLUSTER: &str = "outbound|80||a.shop.svc.cluster.local";

/// Reads until the client holds these many resources of the types of a sidecar at least.
async fn load(client: &mut FakeEnvoy) {
    while client.count("Cluster") < 2
        || client.count("ClusterLoadAssignment") < 2
        || client.count("Listener") < 1
        || client.count("VirtualHost") < 2
    {
        client
            .next()
            .await
            .expect("an open connection")
            .expect("a response");
    }
}

#[tokio::test]
async fn a_change_goes_through_to_the_clients() {
    let control = ControlPlane::start().await;
    let mut early = control.connect("one", "10.0.1.1").await;
    control.apply(shop()).await;
    let first = early
        .next()
        .await
        .expect("an open connection")
        .expect("a response");
    assert!(
        !first.resources.is_empty(),
        "nobody is served before the world is known"
    );
    let mut clients = [early, control.connect("two", "10.0.1.2").await];
    for client in &mut clients {
        load(client).await;
    }
    let applied = control.apply(vec![slice("a", "10.0.0.9")]).await;
    assert_eq!(
        (applied.in_force, applied.resources, applied.streams),
        (2, 1, 2),
        "{applied:?}"
    );
    for client in &mut clients {
        let received = loop {
            let received = client
                .next()
                .await
                .expect("an open connection")
                .expect("a response");
            if received.type_url == ResourceType::Endpoints.type_url()
                && received.resources.len() == 1
            {
                break received;
            }
        };
        assert_eq!(
            received.resources.first().map(|(name, _)| name.as_str()),
            Some(CLUSTER)
        );
    }
    let again = control.apply(vec![slice("a", "10.0.0.9")]).await;
    assert_eq!((again.resources, again.streams), (0, 0), "nothing changed");
}

#[tokio::test]
async fn another_control_plane_sends_only_the_difference() {
    let first = ControlPlane::start().await;
    first.apply(shop()).await;
    let mut client = first.connect("one", "10.0.1.1").await;
    load(&mut client).await;
    // The last response may be one that was not waited for; a change marks the end.
    first.apply(vec![slice("b", "10.0.0.8")]).await;
    while !mentions(&mut client, "outbound|80||b.shop.svc.cluster.local").await {}
    let held = client.into_held();
    let second = ControlPlane::start().await;
    let mut world = shop();
    world.extend([slice("b", "10.0.0.8"), rule("a", 7)]);
    second.apply(world).await;
    let resumed = FakeEnvoy::resume(second.address, node("shop", "one", "10.0.1.1"), held).await;
    let mut client = resumed.expect("a connection");
    let cluster = client
        .next()
        .await
        .expect("an open connection")
        .expect("a response");
    let names: Vec<_> = cluster
        .resources
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        (cluster.type_url.as_str(), names.as_slice()),
        (ResourceType::Cluster.type_url(), &[CLUSTER][..])
    );
    let endpoints = client
        .next()
        .await
        .expect("an open connection")
        .expect("a response");
    assert_eq!(
        endpoints.type_url,
        ResourceType::Endpoints.type_url(),
        "they follow the cluster"
    );
    assert_eq!(endpoints.resources.len(), 1);
    second.apply(vec![slice("a", "10.0.0.7")]).await;
    let next = client
        .next()
        .await
        .expect("an open connection")
        .expect("a response");
    assert_eq!(
        (next.type_url, next.resources.len()),
        (endpoints.type_url, 1),
        "nothing else was different"
    );
    assert!(client.received() < 4096, "{}", client.received());
}

async fn mentions(client: &mut FakeEnvoy, name: &str) -> bool {
    let received = client
        .next()
        .await
        .expect("an open connection")
        .expect("a response");
    let endpoints = received.type_url == ResourceType::Endpoints.type_url();
    endpoints
        && received.resources.len() == 1
        && received.resources.iter().any(|(held, _)| held == name)
}

#[tokio::test]
async fn a_refusal_is_a_remark_on_the_object() {
    let control = ControlPlane::start().await;
    let mut world = shop();
    world.push(rule("a", 7));
    control.apply(world).await;
    let mut client = AdsClient::connect(control.address, Variant::Delta)
        .await
        .expect("a connection");
    let type_url = ResourceType::Cluster.type_url().to_owned();
    let first = DeltaDiscoveryRequest {
        node: Some(envoy_types::pb::envoy::config::core::v3::Node {
            id: "sidecar~10.0.1.1~one.shop~shop.svc.cluster.local".to_owned(),
            ..Default::default()
        }),
        type_url: type_url.clone(),
        ..DeltaDiscoveryRequest::default()
    };
    client.send(&first).expect("a stream");
    let response: DeltaDiscoveryResponse = client
        .receive()
        .await
        .expect("an open connection")
        .expect("a response");
    let refusal = DeltaDiscoveryRequest {
        type_url,
        response_nonce: response.nonce,
        error_detail: Some(Status {
            message: format!("Error adding/updating cluster(s) {CLUSTER}: no such luck"),
            ..Status::default()
        }),
        ..DeltaDiscoveryRequest::default()
    };
    client.send(&refusal).expect("a stream");
    let remark = eventually("the refusal is a remark", async || {
        let all = control.plane.diagnostics().await;
        all.into_iter()
            .find(|remark| remark.code == "refused-by-proxy")
            .ok_or_else(|| "no remark".to_owned())
    })
    .await;
    let object = remark.object.expect("an object");
    assert_eq!(object.to_string(), "DestinationRule shop/a");
    assert!(
        remark.message.contains("one.shop refused") && remark.message.contains("no such luck"),
        "{}",
        remark.message
    );
    control.apply(vec![rule("a", 8)]).await;
    let all = control.plane.diagnostics().await;
    assert!(
        all.iter().all(|remark| remark.code != "refused-by-proxy"),
        "it has been replaced: {all:?}"
    );
}

#[tokio::test]
async fn a_proxy_whose_scope_changes_gets_the_difference() {
    let control = ControlPlane::start().await;
    control.apply(shop()).await;
    let mut client = control.connect("one", "10.0.1.1").await;
    load(&mut client).await;
    let sidecar = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
        "metadata": {"name": "default", "namespace": "shop"},
        "spec": {"egress": [{"hosts": ["./b.shop.svc.cluster.local"]}]},
    });
    let applied = control.apply(vec![sidecar]).await;
    assert_eq!(applied.streams, 1, "{applied:?}");
    loop {
        let received = client
            .next()
            .await
            .expect("an open connection")
            .expect("a response");
        if received.type_url == ResourceType::Cluster.type_url() && !received.removed.is_empty() {
            assert_eq!(
                (received.removed, received.resources.len()),
                (vec![CLUSTER.to_owned()], 0)
            );
            break;
        }
    }
}
