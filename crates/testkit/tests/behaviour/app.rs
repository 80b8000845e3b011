//! Applications without a proxy of their own, for what only the client's side decides; and a
//! client with a proxy that talks to them.

use std::net::SocketAddr;

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::{Answer, Request, Tally};
use ferromesh_testkit::echo::{Echo, Kind};
use ferromesh_testkit::mesh::manifest::{endpoint_slice, service};
use ferromesh_testkit::mesh::{Settings, Workload};
use ferromesh_testkit::wait::eventually;
use tokio::sync::oneshot;

/// An application that others reach directly.
pub struct App {
    settings: Settings,
    echo: Option<Echo>,
}

impl App {
    /// Starts one in namespace `shop`.
    pub async fn start(name: &str, ports: &[(Kind, u16)], addresses: &mut Addresses) -> Self {
        let mut settings = Settings::new(name, "shop", addresses).alone();
        settings.ports = ports.to_vec();
        let mut app = Self {
            settings,
            echo: None,
        };
        app.restart().await;
        app
    }

    /// What manifests say of it.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What it has seen.
    pub fn echo(&self) -> &Echo {
        self.echo.as_ref().expect("the application runs")
    }

    /// Ends it: its port refuses connections.
    pub fn stop(&mut self) {
        self.echo = None;
    }

    /// Starts it, perhaps again.
    pub async fn restart(&mut self) {
        let mut echo = Echo::new(&self.settings.name);
        for (kind, port) in &self.settings.ports {
            let address = SocketAddr::new(self.settings.address, *port);
            // The port of a predecessor is free when its task has ended.
            eventually(&format!("{address} is free"), async || {
                let bound = echo.listen(*kind, address).await;
                bound.map_err(|error| error.to_string())
            })
            .await;
        }
        self.echo = Some(echo);
    }
}

/// Sends a request to a port of a service, as an application beside the client's proxy would.
pub async fn send(client: &Workload, port: u16, request: Request) -> Answer {
    let what = format!("{request:?}");
    let answer = request.send(client.outbound(port)).await;
    answer.unwrap_or_else(|error| panic!("{what}: no answer: {error}"))
}

/// Sends requests until one is answered as it should be.
pub async fn until(
    client: &Workload,
    what: &str,
    port: u16,
    request: Request,
    good: impl Fn(&Answer) -> bool,
) -> Answer {
    eventually(what, async || {
        let answer = request.clone().send(client.outbound(port)).await?;
        if good(&answer) {
            Ok(answer)
        } else {
            Err(format!("{} {}", answer.status, answer.text()))
        }
    })
    .await
}

/// The ports of [`service_of`].
const HTTP: [(&str, u16, u16); 2] = [("http", 80, 8080), ("grpc", 81, 8080)];

/// A service in namespace `shop` whose instances are these applications, with their port 8080
/// as ports 80 (HTTP) and 81 (gRPC).
pub fn service_of(apps: &[App], name: &str) -> String {
    let slices = HTTP.map(|(name, _, target)| (name, target));
    let settings = apps.iter().map(App::settings);
    service("shop", name, &HTTP) + &endpoint_slice("shop", name, &slices, settings)
}

/// A DestinationRule for a service in namespace `shop`, with this policy.
pub fn rule(host: &str, policy: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
         metadata: {{name: {host}, namespace: shop}}\n\
         spec: {{host: {host}, trafficPolicy: {policy}}}\n---\n"
    )
}

/// Sends one request after the other until it is told to end.
pub fn steady(
    to: SocketAddr,
    request: Request,
) -> (oneshot::Sender<()>, tokio::task::JoinHandle<Tally>) {
    let (end, mut ended) = oneshot::channel();
    let task = tokio::spawn(async move {
        let mut tally = Tally::default();
        while ended.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
            tally.add(&request.clone().send(to).await);
        }
        tally
    });
    (end, task)
}
