//! Clients that behave.

use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::google::rpc::Status;
use ferromesh_testkit::ads_client::Variant;
use ferromesh_testkit::wait::eventually;
use ferromesh_xds::ResourceType;

use super::{World, first, names, node, opaque};
use crate::server::Limits;

#[tokio::test]
async fn a_change_goes_to_those_who_hold_it() {
    let mut world = World::start(Limits::default()).await;
    world.put(vec![
        opaque(ResourceType::Endpoints, "a", "1"),
        opaque(ResourceType::Endpoints, "b", "1"),
        opaque(ResourceType::Listener, "l", "1"),
    ]);
    let mut listener = world.watch("listener", ResourceType::Listener).await;
    assert_eq!(names(&mut listener).await, ["l"]);
    let mut endpoints = world.connect(Variant::Delta).await;
    endpoints
        .send(&first("endpoints", ResourceType::Endpoints, &["a"]))
        .expect("a stream");
    assert_eq!(names(&mut endpoints).await, ["a"]);
    assert_eq!(
        world.put(vec![opaque(ResourceType::Endpoints, "b", "2")]),
        0,
        "nobody holds b"
    );
    assert_eq!(
        world.put(vec![opaque(ResourceType::Endpoints, "a", "2")]),
        1
    );
    assert_eq!(names(&mut endpoints).await, ["a"]);
    assert_eq!(world.put(vec![opaque(ResourceType::Listener, "l", "2")]), 1);
    assert_eq!(names(&mut listener).await, ["l"]);
}

#[tokio::test]
async fn who_has_not_answered_is_behind() {
    let mut world = World::start(Limits::default()).await;
    world.put(vec![opaque(ResourceType::Listener, "l", "1")]);
    let mut client = world.watch("pod", ResourceType::Listener).await;
    let first = client.receive::<DeltaDiscoveryResponse>().await;
    let first = first.expect("a stream").expect("a response");
    let before = world.hub.snapshot().serial();
    assert_eq!(world.hub.oldest_debt(), Some(before));
    // This concerns nobody.
    world.put(vec![opaque(ResourceType::Endpoints, "e", "1")]);
    let answer = DeltaDiscoveryRequest {
        node: None,
        response_nonce: first.nonce,
        ..self::first("pod", ResourceType::Listener, &[])
    };
    client.send(&answer).expect("a stream");
    nobody_is_behind(&world).await;
    world.put(vec![opaque(ResourceType::Listener, "l", "2")]);
    let changed = world.hub.snapshot().serial();
    assert_eq!(world.hub.oldest_debt(), Some(changed));
    world.put(vec![opaque(ResourceType::Listener, "l", "3")]);
    assert_eq!(world.hub.oldest_debt(), Some(changed));
    drop(client);
    nobody_is_behind(&world).await;
}

async fn nobody_is_behind(world: &World) {
    eventually("nobody is behind", async || match world.hub.oldest_debt() {
        None => Ok(()),
        Some(serial) => Err(format!("somebody is, since {serial}")),
    })
    .await;
}

#[tokio::test]
async fn state_of_the_world() {
    let mut world = World::start(Limits::default()).await;
    world.put(vec![
        opaque(ResourceType::Cluster, "a", "1"),
        opaque(ResourceType::Cluster, "b", "1"),
    ]);
    let mut client = world.connect(Variant::StateOfTheWorld).await;
    let request = DiscoveryRequest {
        node: Some(node("pod")),
        type_url: ResourceType::Cluster.type_url().to_owned(),
        ..DiscoveryRequest::default()
    };
    client.send(&request).expect("a stream");
    let response: DiscoveryResponse = client
        .receive()
        .await
        .expect("a stream")
        .expect("a response");
    assert_eq!(response.resources.len(), 2);
    let accept = DiscoveryRequest {
        node: None,
        version_info: response.version_info.clone(),
        response_nonce: response.nonce,
        ..request
    };
    client.send(&accept).expect("a stream");
    world.put(vec![opaque(ResourceType::Cluster, "a", "2")]);
    let second: DiscoveryResponse = client
        .receive()
        .await
        .expect("a stream")
        .expect("a response");
    assert_eq!(second.resources.len(), 2);
    assert_ne!(second.version_info, response.version_info);
}

#[tokio::test]
async fn progress_and_refusals_are_known() {
    let mut world = World::start(Limits::default()).await;
    world.put(vec![opaque(ResourceType::Cluster, "a", "1")]);
    let mut client = world.watch("pod", ResourceType::Cluster).await;
    assert_eq!(names(&mut client).await, ["a"]);
    client
        .send(&DeltaDiscoveryRequest {
            type_url: ResourceType::Cluster.type_url().to_owned(),
            response_nonce: "1".to_owned(),
            error_detail: Some(Status {
                message: "no".to_owned(),
                ..Status::default()
            }),
            ..DeltaDiscoveryRequest::default()
        })
        .expect("a stream");
    assert_eq!(
        names(&mut client).await,
        [""; 0],
        "it never accepted any version, so it is removed"
    );
    assert_eq!(world.refused(), ["a"]);
    let streams = world.hub.streams();
    let [state] = streams.as_slice() else {
        panic!("one stream: {streams:?}")
    };
    assert_eq!(state.client.name().as_ref(), "pod.ns");
    let status = state.status.get(ResourceType::Cluster);
    assert_eq!(
        (status.sent, status.refused, status.error.as_deref()),
        (2, 1, Some("no"))
    );
    let counts = world.hub.counts();
    let cluster = counts
        .types
        .iter()
        .find(|counts| counts.ty == ResourceType::Cluster);
    assert_eq!(
        cluster.map(|counts| (counts.pushes, counts.refusals)),
        Some((2, 1))
    );
    drop(client);
    eventually("the stream is forgotten", async || {
        match world.hub.open_streams() {
            0 => Ok(()),
            open => Err(format!("{open} streams")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_whole_mesh_is_split_and_complete() {
    let mut world = World::start(Limits::default()).await;
    let value = "x".repeat(1000);
    let clusters = (0..1000).map(|n| opaque(ResourceType::Cluster, &format!("c{n:04}"), &value));
    world.put(clusters.collect());
    let mut client = world.watch("pod", ResourceType::Cluster).await;
    let mut all = Vec::new();
    while all.len() < 1000 {
        let part = names(&mut client).await;
        assert!(part.len() < 70, "about 64 KiB: {}", part.len());
        all.extend(part);
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 1000);
}

#[tokio::test]
async fn streams_end_cleanly_on_shutdown() {
    let world = World::start(Limits::default()).await;
    let mut client = world.watch("pod", ResourceType::Cluster).await;
    assert_eq!(names(&mut client).await, [""; 0]);
    let ended = async {
        assert_eq!(
            client.receive_raw().await.expect("no broken connection"),
            None
        );
        client.status().await.expect("trailers")
    };
    let (status, ()) = tokio::join!(ended, world.stop());
    assert_eq!(
        status,
        Some((
            "14".to_owned(),
            "the control plane is shutting down".to_owned()
        ))
    );
}

#[tokio::test]
async fn many_removals_do_not_keep_the_answer_that_they_wait_for_from_being_read() {
    let mut world = World::start(Limits::default()).await;
    let long = "x".repeat(100);
    let clusters: Vec<_> = (0..1000).map(|n| format!("{n}-{long}")).collect();
    let resources = clusters
        .iter()
        .map(|name| opaque(ResourceType::Cluster, name, "1"));
    world.put(resources.collect());
    world.put(vec![opaque(ResourceType::Listener, "l", "1")]);
    let mut client = world.watch("pod", ResourceType::Cluster).await;
    let ask = |ty: ResourceType, nonce: &str| DeltaDiscoveryRequest {
        type_url: ty.type_url().to_owned(),
        response_nonce: nonce.to_owned(),
        ..DeltaDiscoveryRequest::default()
    };
    let mut held = 0;
    while held < clusters.len() {
        let response: DeltaDiscoveryResponse =
            client.receive().await.expect("a stream").expect("more");
        held += response.resources.len();
        client
            .send(&ask(ResourceType::Cluster, &response.nonce))
            .expect("a stream");
    }
    client
        .send(&ask(ResourceType::Listener, ""))
        .expect("a stream");
    assert_eq!(names(&mut client).await, ["l"]);
    for name in &clusters {
        world
            .builder
            .unlist(world.audience, ResourceType::Cluster, name);
    }
    world.put(vec![opaque(ResourceType::Listener, "l", "2")]);
    let mut gone = 0;
    while gone < clusters.len() {
        let response = client.receive::<DeltaDiscoveryResponse>();
        let response = tokio::time::timeout(std::time::Duration::from_secs(10), response).await;
        let response = response.expect("in time").expect("a stream").expect("more");
        gone += response.removed_resources.len();
        let ty = ResourceType::from_type_url(&response.type_url).expect("a type");
        client.send(&ask(ty, &response.nonce)).expect("a stream");
    }
}
