//! Clients change their minds while the world changes: nobody misses anything.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse,
};
use ferromesh_testkit::ads_client::{AdsClient, Variant};
use ferromesh_testkit::wait::DEADLINE;
use ferromesh_xds::{AudienceId, ResourceType, Snapshot};

use super::{World, first, opaque};
use crate::hub::Hub;
use crate::server::Limits;

const NAMES: u32 = 40;
const CLIENTS: u64 = 12;
const EDITS: u32 = 1500;

fn name(number: u32) -> String {
    format!("n{number}")
}

struct Fickle {
    client: AdsClient,
    subscribed: BTreeSet<String>,
    held: BTreeMap<String, String>,
    random: fastrand::Rng,
}

impl Fickle {
    async fn connect(address: SocketAddr, seed: u64) -> Self {
        let mut client = AdsClient::connect(address, Variant::Delta)
            .await
            .expect("a connection");
        client
            .send(&first(
                &format!("pod-{seed}"),
                ResourceType::Endpoints,
                &["n0"],
            ))
            .expect("a stream");
        Self {
            client,
            subscribed: BTreeSet::from([name(0)]),
            held: BTreeMap::new(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Takes up a name or lets go of one.
    fn change(&mut self) {
        let name = name(self.random.u32(0..NAMES));
        let (subscribe, unsubscribe) = if self.subscribed.remove(&name) {
            self.held.remove(&name);
            (Vec::new(), vec![name])
        } else {
            self.subscribed.insert(name.clone());
            (vec![name], Vec::new())
        };
        self.say(DeltaDiscoveryRequest {
            resource_names_subscribe: subscribe,
            resource_names_unsubscribe: unsubscribe,
            ..DeltaDiscoveryRequest::default()
        });
    }

    fn say(&mut self, request: DeltaDiscoveryRequest) {
        let type_url = ResourceType::Endpoints.type_url().to_owned();
        self.client
            .send(&DeltaDiscoveryRequest {
                type_url,
                ..request
            })
            .expect("a stream");
    }

    async fn read(&mut self) {
        let response: DeltaDiscoveryResponse = self
            .client
            .receive()
            .await
            .expect("an open connection")
            .expect("a response");
        for resource in response.resources {
            if self.subscribed.contains(&resource.name) {
                self.held.insert(resource.name, resource.version);
            }
        }
        for name in response.removed_resources {
            self.held.remove(&name);
        }
        self.say(DeltaDiscoveryRequest {
            response_nonce: response.nonce,
            ..DeltaDiscoveryRequest::default()
        });
    }

    /// What it holds of what it wants is what there is.
    fn is_right(&self, snapshot: &Snapshot, audience: AudienceId) -> Result<(), String> {
        for name in &self.subscribed {
            let there = snapshot.find(audience, ResourceType::Endpoints, name);
            let there = there.map(|resource| resource.version.to_string());
            if self.held.get(name) != there.as_ref() {
                return Err(format!(
                    "{name}: {:?} instead of {there:?}",
                    self.held.get(name)
                ));
            }
        }
        Ok(())
    }
}

/// Reads and changes its mind until the world stands still, and then until it has caught up.
async fn live(
    address: SocketAddr,
    hub: Arc<Hub>,
    audience: AudienceId,
    seed: u64,
    mut still: tokio::sync::watch::Receiver<bool>,
) {
    let mut client = Fickle::connect(address, seed).await;
    while !*still.borrow_and_update() {
        if client.random.bool() {
            client.change();
        }
        tokio::select! {
            () = client.read() => {}
            _ = still.changed() => {}
            () = tokio::task::yield_now() => {}
        }
    }
    let snapshot = hub.snapshot();
    let catch_up = async {
        while client.is_right(&snapshot, audience).is_err() {
            client.read().await;
        }
    };
    if tokio::time::timeout(DEADLINE, catch_up).await.is_err() {
        panic!("{:?}", client.is_right(&snapshot, audience));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_misses_anything() {
    let mut world = World::start(Limits::default()).await;
    let (stop, still) = tokio::sync::watch::channel(false);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|seed| {
            tokio::spawn(live(
                world.address,
                Arc::clone(&world.hub),
                world.audience,
                seed,
                still.clone(),
            ))
        })
        .collect();
    let mut random = fastrand::Rng::with_seed(7);
    for edit in 0..EDITS {
        let name = name(random.u32(0..NAMES));
        if random.u32(0..5) == 0 {
            world.take(ResourceType::Endpoints, &name);
        } else {
            world.put(vec![opaque(
                ResourceType::Endpoints,
                &name,
                &edit.to_string(),
            )]);
        }
        tokio::task::yield_now().await;
    }
    stop.send_replace(true);
    for client in clients {
        client.await.expect("a client that is right in the end");
    }
}
