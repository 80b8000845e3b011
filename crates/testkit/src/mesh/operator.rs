//! The control plane.

use std::net::SocketAddr;
use std::process::ExitStatus;

use serde_json::Value;

use super::{Settings, Workload};
use crate::client::{Answer, Request};
use crate::manifests::Manifests;
use crate::process::Process;
use crate::wait::eventually;

/// Lets the system choose a port.
const ANY: &str = "127.0.0.1:0";

/// The mesh configuration.
const CONFIGURATION: &str = "mesh.yaml";

/// A configuration by which only what is declared can be reached.
const REFUSING: &str = "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n";

/// A control plane that serves a directory of manifests.
#[derive(Debug)]
pub struct Mesh {
    // Dropped before the directory that it watches.
    operator: Process,
    manifests: Manifests,
    xds: SocketAddr,
    debug: SocketAddr,
}

impl Mesh {
    /// Starts the control plane and waits until it is ready.
    ///
    /// Unless the directory configures the mesh, hosts that nobody declares are refused: Envoy would ask a name server for
    /// them, and tests talk to nobody beyond this machine.
    ///
    /// # Panics
    /// When it doesn't become ready.
    pub async fn start(manifests: Manifests) -> Self {
        if !manifests.path().join(CONFIGURATION).exists() {
            manifests.write(CONFIGURATION, REFUSING);
        }
        let operator = run(&manifests, ANY, ANY);
        let addresses = operator.addresses().await;
        let address = |name: &str| {
            *addresses
                .get(name)
                .unwrap_or_else(|| panic!("the operator announced no {name}: {addresses:?}"))
        };
        let mesh = Self {
            xds: address("plaintext-xds"),
            debug: address("debug"),
            operator,
            manifests,
        };
        mesh.ready().await;
        mesh
    }

    /// The directory. What is written there takes effect by itself.
    pub fn manifests(&self) -> &Manifests {
        &self.manifests
    }

    /// Where it serves xDS.
    pub fn xds(&self) -> SocketAddr {
        self.xds
    }

    /// The process of the control plane.
    pub fn operator(&self) -> &Process {
        &self.operator
    }

    /// Starts a workload and waits until its proxy is ready.
    ///
    /// # Panics
    /// When it doesn't become ready.
    pub async fn workload(&self, settings: Settings) -> Workload {
        Workload::start(settings, self.xds).await
    }

    /// Waits until the control plane has ended by itself, or because it was told to.
    ///
    /// # Panics
    /// When it takes longer than the usual deadline.
    pub async fn ended(&mut self) -> ExitStatus {
        self.operator.ended().await
    }

    /// Kills the control plane, as a crash would.
    pub fn kill(&mut self) {
        self.operator.kill();
    }

    /// Starts the control plane again, on the same addresses.
    ///
    /// # Panics
    /// When it doesn't become ready.
    pub async fn restart(&mut self) {
        self.operator.kill();
        self.operator = run(
            &self.manifests,
            &self.xds.to_string(),
            &self.debug.to_string(),
        );
        self.ready().await;
    }

    /// Asks the debug address.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub async fn debug(&self, path: &str) -> Result<Answer, String> {
        Request::get("localhost", path).send(self.debug).await
    }

    /// What the debug address says, as JSON.
    ///
    /// # Panics
    /// When it doesn't answer with 200 and JSON.
    pub async fn debug_json(&self, path: &str) -> Value {
        let answer = self
            .debug(path)
            .await
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body)
            .unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.text()))
    }

    async fn ready(&self) {
        eventually("the control plane is ready", async || {
            let answer = self.debug("/ready").await?;
            if answer.status == 200 {
                Ok(())
            } else {
                Err(answer.text())
            }
        })
        .await;
    }
}

fn run(manifests: &Manifests, xds: &str, debug: &str) -> Process {
    let source = format!("dir:{}", manifests.path().display());
    let arguments = [
        "--source",
        &source,
        "--plaintext-xds-address",
        xds,
        "--debug-address",
        debug,
    ];
    Process::run("ferromesh-operator", arguments)
}
