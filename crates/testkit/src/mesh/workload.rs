//! A workload: an echo server, and the agent with its Envoy in front of it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

use super::ControlPlane;
use crate::addresses::Addresses;
use crate::client::Request;
use crate::echo::{Echo, Kind};
use crate::process::Process;
use crate::programs;
use crate::wait::eventually;

/// Lets the system choose a port.
const ANY: &str = "127.0.0.1:0";

/// What a workload is to be. Make it before the manifests, which need its address.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of the Pod or WorkloadEntry, and of the instance in the echo server's answers.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The service account that it runs as.
    pub account: String,
    /// Whether a proxy stands in front of the application. Manifests say so.
    pub has_proxy: bool,
    /// Where others reach it: the proxy's inbound ports.
    pub address: IpAddr,
    /// Where the application listens.
    pub app: IpAddr,
    /// Where the proxy binds the ports of services, and the HTTP proxy.
    pub outbound: IpAddr,
    /// The ports of the application.
    pub ports: Vec<(Kind, u16)>,
    /// Further arguments of the agent.
    pub arguments: Vec<String>,
}

impl Settings {
    /// A workload without ports, on three addresses of its own.
    ///
    /// # Panics
    /// When the block of addresses is used up.
    pub fn new(name: &str, namespace: &str, addresses: &mut Addresses) -> Self {
        Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            account: "default".to_owned(),
            has_proxy: true,
            address: addresses.next_ip(),
            app: addresses.next_ip(),
            outbound: addresses.next_ip(),
            ports: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// With a port of the application.
    pub fn port(mut self, kind: Kind, port: u16) -> Self {
        self.ports.push((kind, port));
        self
    }

    /// Without a proxy: others must not expect that it speaks the mesh's TLS.
    pub fn alone(mut self) -> Self {
        self.has_proxy = false;
        self
    }

    /// As this service account.
    pub fn account(mut self, account: &str) -> Self {
        account.clone_into(&mut self.account);
        self
    }

    /// With a further argument of the agent.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }
}

/// A running workload. Dropping it kills its proxy and its application.
#[derive(Debug)]
pub struct Workload {
    settings: Settings,
    agent: Process,
    echo: Option<Echo>,
    status: SocketAddr,
    admin: SocketAddr,
    http_proxy: SocketAddr,
}

impl Workload {
    /// Starts a workload and waits until its proxy is ready.
    ///
    /// # Panics
    /// When it doesn't become ready.
    pub async fn start(settings: Settings, plane: impl Into<ControlPlane>) -> Self {
        let workload = Self::start_unready(settings, plane).await;
        workload.ready().await;
        workload
    }

    /// Starts a workload without waiting for its configuration.
    ///
    /// # Panics
    /// When the application's ports are taken, or the agent doesn't start.
    pub async fn start_unready(settings: Settings, plane: impl Into<ControlPlane>) -> Self {
        let mut echo = Echo::new(&settings.name);
        listen(&mut echo, &settings).await;
        let agent = run(&settings, &plane.into(), &[]);
        let addresses = agent.addresses().await;
        let address = |name: &str| {
            *addresses
                .get(name)
                .unwrap_or_else(|| panic!("the agent announced no {name}: {addresses:?}"))
        };
        let (status, admin, http_proxy) =
            (address("status"), address("admin"), address("http-proxy"));
        Self {
            settings,
            agent,
            echo: Some(echo),
            status,
            admin,
            http_proxy,
        }
    }

    /// Only the agent of a workload, with these further arguments, which replace those that it would have had. Nobody waits
    /// for it.
    pub fn agent_with(settings: &Settings, plane: &ControlPlane, arguments: &[&str]) -> Process {
        run(settings, plane, arguments)
    }

    /// What it is.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its application.
    ///
    /// # Panics
    /// When that was stopped.
    pub fn echo(&self) -> &Echo {
        self.echo.as_ref().expect("the application runs")
    }

    /// Stops the application, while the proxy goes on.
    pub fn stop_echo(&mut self) {
        self.echo = None;
    }

    /// Starts the application again.
    ///
    /// # Panics
    /// When its ports are taken.
    pub async fn start_echo(&mut self) {
        let mut echo = Echo::new(&self.settings.name);
        listen(&mut echo, &self.settings).await;
        self.echo = Some(echo);
    }

    /// The agent.
    pub fn agent(&self) -> &Process {
        &self.agent
    }

    /// The agent, to end it.
    pub fn agent_mut(&mut self) -> &mut Process {
        &mut self.agent
    }

    /// Where its proxy binds the port of a service.
    pub fn outbound(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.settings.outbound, port)
    }

    /// Where others reach one of its ports, through its proxy.
    pub fn inbound(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.settings.address, port)
    }

    /// Its HTTP proxy.
    pub fn http_proxy(&self) -> SocketAddr {
        self.http_proxy
    }

    /// The agent's status address.
    pub fn status(&self) -> SocketAddr {
        self.status
    }

    /// Envoy's admin address.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Waits until the proxy is ready.
    ///
    /// # Panics
    /// When it takes too long; the message has the agent's reason.
    pub async fn ready(&self) {
        eventually(&format!("{} is ready", self.settings.name), async || {
            let answer = Request::get("localhost", "/ready")
                .send(self.status)
                .await?;
            if answer.status == 200 {
                Ok(())
            } else {
                Err(answer.text())
            }
        })
        .await;
    }

    /// Asks Envoy's admin interface.
    ///
    /// # Panics
    /// When it doesn't answer with 200.
    pub async fn ask_admin(&self, path: &str) -> String {
        let answer = Request::get("localhost", path).send(self.admin).await;
        let answer =
            answer.unwrap_or_else(|error| panic!("{}: {path}: {error}", self.settings.name));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    /// Envoy's counters and gauges that exist, by name. What was never counted may be missing.
    ///
    /// # Panics
    /// When Envoy doesn't answer.
    pub async fn stats(&self) -> BTreeMap<String, u64> {
        let text = self.ask_admin("/stats").await;
        let pairs = text.lines().filter_map(|line| line.rsplit_once(": "));
        pairs
            .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
            .collect()
    }

    /// One of Envoy's counters or gauges; 0 when it doesn't exist (yet).
    ///
    /// # Panics
    /// When Envoy doesn't answer.
    pub async fn stat(&self, name: &str) -> u64 {
        self.stats().await.get(name).copied().unwrap_or(0)
    }

    /// A statistic of a cluster: `cluster_stat("outbound|80||payment.shop.svc.cluster.local", "upstream_rq_retry")`.
    ///
    /// # Panics
    /// When Envoy doesn't answer.
    pub async fn cluster_stat(&self, cluster: &str, stat: &str) -> u64 {
        // Envoy replaces `:` in names, and a cluster may have a `;` at its end that marks where the name ends.
        let stats = self.stats().await;
        let names = [
            format!("cluster.{cluster}.{stat}"),
            format!("cluster.{cluster};.{stat}"),
        ];
        names
            .iter()
            .find_map(|name| stats.get(name))
            .copied()
            .unwrap_or(0)
    }

    /// Envoy's configuration, as it is in force.
    ///
    /// # Panics
    /// When Envoy doesn't answer.
    pub async fn config_dump(&self) -> Value {
        let text = self.ask_admin("/config_dump?include_eds").await;
        serde_json::from_str(&text).expect("a config dump is JSON")
    }

    /// The lines of the access log until now. Envoy flushes it within a second or so.
    pub fn access_log(&self) -> Vec<String> {
        // The first line is the agent's announcement.
        self.agent
            .stdout()
            .into_iter()
            .filter(|line| !line.contains("\"ferromesh-agent\""))
            .collect()
    }
}

async fn listen(echo: &mut Echo, settings: &Settings) {
    for (kind, port) in &settings.ports {
        let address = SocketAddr::new(settings.app, *port);
        let outcome = echo.listen(*kind, address).await;
        outcome.unwrap_or_else(|error| {
            panic!("{} cannot listen on {address}: {error}", settings.name)
        });
    }
}

fn run(settings: &Settings, plane: &ControlPlane, more: &[&str]) -> Process {
    let Settings {
        name,
        namespace,
        account: _,
        has_proxy: _,
        address,
        app,
        outbound,
        ports: _,
        arguments,
    } = settings;
    let mut command = crate::process::command("ferromesh-agent");
    command.arg("proxy").arg("--envoy").arg(programs::envoy());
    let pairs = [
        ("--workload", name.clone()),
        ("--namespace", namespace.clone()),
        ("--address", address.to_string()),
        ("--app-address", app.to_string()),
        ("--outbound-address", outbound.to_string()),
        ("--http-proxy-port", "0".to_owned()),
        ("--admin-address", ANY.to_owned()),
        ("--status-address", ANY.to_owned()),
        // One worker: connection pools are per worker, and tests count connections.
        ("--concurrency", "1".to_owned()),
    ];
    for (flag, value) in pairs {
        command.arg(flag).arg(value);
    }
    match plane {
        ControlPlane::Plaintext(address) => {
            command.arg("--plaintext-xds").arg(address.to_string());
        }
        ControlPlane::Secured(address, state) => {
            command.arg("--xds").arg(address.to_string());
            if !more.contains(&"--token") {
                command.arg("--token").arg(state.token(namespace, name));
            }
            command.arg("--root-cert").arg(state.root());
        }
    }
    command.args(arguments).args(more);
    Process::start(name, command)
}
