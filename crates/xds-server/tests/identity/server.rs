//! A control plane behind TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use ferromesh_api::Object;
use ferromesh_dialects::{default_units, lower, object_ref};
use ferromesh_identity::TrustDomain;
use ferromesh_testkit::wait::eventually;
use ferromesh_xds_server::{
    Call, Calls, Change, Credentials, Limits, Plane, PlaneHandle, Reason, Tls, Transport, serve,
    server_config,
};
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::certificates::{Authority, Leaf};

pub struct Server {
    pub plane: PlaneHandle,
    pub address: SocketAddr,
    pub authority: Authority,
    config: watch::Sender<Arc<ServerConfig>>,
}

/// No method at all.
struct Nothing;

impl Calls for Nothing {
    fn call(&self, _: Call) -> Option<ferromesh_xds_server::Answer> {
        None
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::with(Limits::default(), Arc::new(Nothing)).await
    }

    pub async fn with(limits: Limits, calls: Arc<dyn Calls>) -> Self {
        let authority = Authority::new();
        let (plane, handle) = Plane::new(Box::new(|_| {}));
        tokio::spawn(plane.run());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let credentials = authority.issue(&own());
        let (config, watched) = watch::channel(configured(&credentials, &authority));
        let tls = Transport::Tls(Tls {
            config: watched,
            calls,
        });
        let end = std::future::pending();
        tokio::spawn(serve(listener, tls, handle.clone(), limits, end));
        Self {
            plane: handle,
            address,
            authority,
            config,
        }
    }

    /// One with the pods `one` (account `first`) and `two` (account `second`) in namespace `shop`.
    pub async fn shop() -> Self {
        let server = Self::start().await;
        server
            .apply(vec![pod("one", "first"), pod("two", "second")])
            .await;
        server
    }

    /// From now on the server shows and believes certificates of another authority.
    pub fn trust(&mut self, authority: Authority) {
        let credentials = authority.issue(&own());
        self.config
            .send_replace(configured(&credentials, &authority));
        self.authority = authority;
    }

    pub async fn apply(&self, objects: Vec<Value>) {
        let lowered = objects
            .into_iter()
            .map(|content| lower(&Object::new(content).expect("an object")));
        let changes = default_units()
            .into_iter()
            .chain(lowered)
            .map(|unit| Change::Replace(Arc::new(unit)));
        let applied = self.plane.apply(changes.collect(), Instant::now()).await;
        applied.expect("a running plane");
    }

    pub async fn remove(&self, object: Value) {
        let object = Object::new(object).expect("an object");
        let change = Change::Remove(Arc::new(object_ref(&object.key())));
        let applied = self.plane.apply(vec![change], Instant::now()).await;
        applied.expect("a running plane");
    }

    /// How many clients were refused for a reason.
    pub fn denied(&self, reason: Reason) -> u64 {
        let denials = self.plane.hub().counts().denials;
        let found = denials.iter().find(|(other, _)| *other == reason);
        found.map_or(0, |(_, count)| *count)
    }

    pub async fn until_denied(&self, reason: Reason, count: u64) {
        eventually(reason.word(), async || match self.denied(reason) {
            found if found == count => Ok(()),
            found => Err(format!("{found} of {count}")),
        })
        .await;
    }
}

fn own() -> Leaf {
    Leaf::account("istio-system", "ferromesh")
}

fn configured(credentials: &Credentials, authority: &Authority) -> Arc<ServerConfig> {
    let domain = TrustDomain::default();
    server_config(credentials, &authority.bundle(), &domain).expect("a configuration")
}

pub fn pod(name: &str, account: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
        "spec": {"serviceAccountName": account, "containers": [{"name": "app", "image": "x"}]},
        "status": {"phase": "Running", "podIP": "10.0.1.1", "podIPs": [{"ip": "10.0.1.1"}]},
    })
}
