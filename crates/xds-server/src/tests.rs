//! The server in front of a snapshot that is made by hand: everybody belongs to one audience.

mod clients;
mod envoy;
mod hostile;
mod race;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse,
};
use ferromesh_testkit::ads_client::{AdsClient, Variant};
use ferromesh_xds::{AudienceId, Refusal, Resource, ResourceId, ResourceType, SnapshotBuilder};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::hub::Hub;
use crate::plane::{Command, PlaneHandle};
use crate::server::{Limits, Transport, serve};

/// What clients refused, and who.
type Refused = Arc<Mutex<Vec<(Arc<str>, Refusal)>>>;

/// A server, and the world that it serves.
struct World {
    address: SocketAddr,
    hub: Arc<Hub>,
    builder: SnapshotBuilder,
    audience: AudienceId,
    slots: BTreeMap<(ResourceType, String), ResourceId>,
    refusals: Refused,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl World {
    async fn start(limits: Limits) -> Self {
        let hub = Arc::new(Hub::new(Box::new(|_| {})));
        let (commands, received) = mpsc::unbounded_channel();
        let mut builder = SnapshotBuilder::new();
        let audience = builder.open_audience();
        hub.publish(builder.publish(), Vec::new(), Instant::now());
        let refusals = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(obey(
            received,
            Arc::clone(&hub),
            audience,
            Arc::clone(&refusals),
        ));
        let plane = PlaneHandle::new(commands, Arc::clone(&hub));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(
            listener,
            Transport::Loopback,
            plane,
            limits,
            async move {
                let _ = stopped.await;
            },
        ));
        let slots = BTreeMap::new();
        Self {
            address,
            hub,
            builder,
            audience,
            slots,
            refusals,
            stop: Some(stop),
            server,
        }
    }

    /// Puts resources into the world and publishes; returns how many streams were told.
    fn put(&mut self, resources: Vec<Resource>) -> usize {
        for resource in resources {
            let key = (resource.ty, resource.name.to_string());
            match self.slots.get(&key) {
                Some(id) => {
                    self.builder.replace(*id, resource);
                }
                None => {
                    let id = self.builder.insert(resource);
                    self.builder.list(self.audience, id);
                    self.slots.insert(key, id);
                }
            }
        }
        self.hub
            .publish(self.builder.publish(), Vec::new(), Instant::now())
    }

    /// Takes a resource from the world and publishes.
    fn take(&mut self, ty: ResourceType, name: &str) {
        if self.slots.remove(&(ty, name.to_owned())).is_some() {
            self.builder.unlist(self.audience, ty, name);
        }
        self.hub
            .publish(self.builder.publish(), Vec::new(), Instant::now());
    }

    fn refused(&self) -> Vec<String> {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals
            .iter()
            .map(|(_, refusal)| refusal.name.to_string())
            .collect()
    }

    /// Ends the server and waits for it.
    async fn stop(mut self) {
        drop(self.stop.take());
        self.server.await.expect("a server that does not panic");
    }

    async fn connect(&self, variant: Variant) -> AdsClient {
        AdsClient::connect(self.address, variant)
            .await
            .expect("a connection")
    }

    /// A client that asked for everything of a type.
    async fn watch(&self, pod: &str, ty: ResourceType) -> AdsClient {
        let mut client = self.connect(Variant::Delta).await;
        client.send(&first(pod, ty, &[])).expect("a stream");
        client
    }
}

/// Does what the compile loop would do.
async fn obey(
    mut commands: mpsc::UnboundedReceiver<Command>,
    hub: Arc<Hub>,
    audience: AudienceId,
    refusals: Refused,
) {
    while let Some(command) = commands.recv().await {
        match command {
            Command::Connect {
                stream,
                proxy: _,
                standing: _,
            } => hub.assign(stream, Arc::new([audience])),
            Command::Refused { client, refusal } => {
                refusals
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((client, refusal));
            }
            Command::Apply { .. }
            | Command::Disconnect { .. }
            | Command::Vouched { .. }
            | Command::Diagnostics(_)
            | Command::Inspect(_) => {}
        }
    }
}

fn node(pod: &str) -> Node {
    ferromesh_testkit::fake_envoy::node("ns", pod, "127.0.0.1")
}

/// A first request.
fn first(pod: &str, ty: ResourceType, names: &[&str]) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        node: Some(node(pod)),
        type_url: ty.type_url().to_owned(),
        resource_names_subscribe: names.iter().map(|name| (*name).to_owned()).collect(),
        ..DeltaDiscoveryRequest::default()
    }
}

/// The names in the next response.
async fn names(client: &mut AdsClient) -> Vec<String> {
    let response: DeltaDiscoveryResponse = client
        .receive()
        .await
        .expect("an open connection")
        .expect("a response");
    response
        .resources
        .into_iter()
        .map(|resource| resource.name)
        .collect()
}

/// A resource that nobody looks into.
fn opaque(ty: ResourceType, name: &str, value: &str) -> Resource {
    Resource::encode(ty, name, &[], value.as_bytes(), [], None)
}
