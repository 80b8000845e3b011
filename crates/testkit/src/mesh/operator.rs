//! The control plane.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

use ferromesh_agent::identity::control_plane::{self, Fault};
use ferromesh_agent::identity::key::Key;
use ferromesh_agent::identity::settings::Credentials;
use ferromesh_identity::{Certificate, SpiffeId, TrustDomain};
use serde_json::Value;
use tempfile::TempDir;

use super::{Settings, Workload};
use crate::client::{Answer, Request};
use crate::manifests::Manifests;
use crate::process::Process;
use crate::raw::Certified;
use crate::wait::eventually;

/// Lets the system choose a port.
const ANY: &str = "127.0.0.1:0";

/// The mesh configuration.
const CONFIGURATION: &str = "mesh.yaml";

/// A configuration by which only what is declared can be reached.
const REFUSING: &str = "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n";

/// How a proxy reaches the control plane.
#[derive(Clone, Debug)]
pub enum ControlPlane {
    /// In the clear: proxies have no identity.
    Plaintext(SocketAddr),
    /// By mutual TLS, with the tokens that the control plane has written.
    Secured(SocketAddr, State),
}

impl From<SocketAddr> for ControlPlane {
    fn from(address: SocketAddr) -> Self {
        Self::Plaintext(address)
    }
}

/// The directory in which a control plane keeps its certificates and tokens. It is removed with the last clone.
#[derive(Clone, Debug)]
pub struct State(Arc<TempDir>);

impl State {
    /// An empty one.
    ///
    /// # Panics
    /// When there can't be one.
    pub fn new() -> Self {
        Self(Arc::new(TempDir::new().expect("a temporary directory")))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The file with the roots by which the control plane is known.
    pub fn root(&self) -> PathBuf {
        self.path().join("root-cert.pem")
    }

    /// The file with the token of a workload.
    pub fn token(&self, namespace: &str, workload: &str) -> PathBuf {
        self.path()
            .join("tokens")
            .join(format!("{namespace}.{workload}"))
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

/// A control plane that serves a directory of manifests.
#[derive(Debug)]
pub struct Mesh {
    // Dropped before the directories that it uses.
    operator: Process,
    manifests: Manifests,
    state: State,
    addresses: Listening,
    arguments: Vec<String>,
}

/// Where a control plane listens.
#[derive(Clone, Copy, Debug)]
struct Listening {
    xds: SocketAddr,
    plaintext: SocketAddr,
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
        Self::start_with(manifests, &[]).await
    }

    /// Starts it with these further arguments.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub async fn start_with(manifests: Manifests, arguments: &[&str]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(|it| (*it).to_owned()).collect();
        if !manifests.path().join(CONFIGURATION).exists() {
            manifests.write(CONFIGURATION, REFUSING);
        }
        let state = State::new();
        let operator = run(
            &manifests,
            &state,
            [ANY, ANY, ANY].map(str::to_owned),
            &arguments,
        );
        let addresses = operator.addresses().await;
        let address = |name: &str| {
            *addresses
                .get(name)
                .unwrap_or_else(|| panic!("the operator announced no {name}: {addresses:?}"))
        };
        let mesh = Self {
            addresses: Listening {
                xds: address("xds"),
                plaintext: address("plaintext-xds"),
                debug: address("debug"),
            },
            operator,
            manifests,
            state,
            arguments,
        };
        mesh.ready().await;
        mesh
    }

    /// The directory. What is written there takes effect by itself.
    pub fn manifests(&self) -> &Manifests {
        &self.manifests
    }

    /// Where it serves xDS without TLS.
    pub fn xds(&self) -> SocketAddr {
        let Listening {
            xds: _,
            plaintext,
            debug: _,
        } = self.addresses;
        plaintext
    }

    /// Where it serves xDS and certificates by TLS.
    pub fn secured_xds(&self) -> SocketAddr {
        self.addresses.xds
    }

    /// Where it keeps certificates and tokens.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The certificate of a workload of the manifests, asked for as its agent would.
    ///
    /// # Panics
    /// When it isn't issued.
    pub async fn certificate(&self, namespace: &str, workload: &str) -> Certified {
        let credentials = self.credentials(TrustDomain::default(), namespace, workload);
        eventually(&format!("{workload} has a certificate"), async || {
            certify(&credentials)
                .await
                .map_err(|fault| fault.to_string())
        })
        .await
    }

    /// What the agent of a workload asks for certificates with, in a mesh of this trust domain.
    ///
    /// # Panics
    /// When the control plane can't have an identity there.
    pub fn credentials(
        &self,
        trust_domain: TrustDomain,
        namespace: &str,
        workload: &str,
    ) -> Credentials {
        Credentials {
            ca: self.addresses.xds.to_string().parse().expect("an address"),
            token: self.state.token(namespace, workload),
            root: self.state.root(),
            control_plane: SpiffeId::of_control_plane(trust_domain.clone(), "istio-system")
                .expect("the control plane has an identity"),
            trust_domain,
            namespace: namespace.to_owned(),
        }
    }

    /// How proxies reach it by mutual TLS.
    pub fn secured(&self) -> ControlPlane {
        ControlPlane::Secured(self.addresses.xds, self.state.clone())
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
        Workload::start(settings, self.secured()).await
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
        let Listening {
            xds,
            plaintext,
            debug,
        } = self.addresses;
        self.operator = run(
            &self.manifests,
            &self.state,
            [xds, plaintext, debug].map(|address| address.to_string()),
            &self.arguments,
        );
        self.ready().await;
    }

    /// Asks the debug address.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub async fn debug(&self, path: &str) -> Result<Answer, String> {
        Request::get("localhost", path)
            .send(self.addresses.debug)
            .await
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

/// A certificate for these credentials.
///
/// # Errors
/// When it isn't issued.
pub async fn certify(credentials: &Credentials) -> Result<Certified, Fault> {
    let key = Key::generate().map_err(Fault::ours)?;
    let request = key.request().map_err(Fault::ours)?;
    let token = control_plane::token(credentials)?;
    let mut plane = control_plane::ControlPlane::connect(credentials, None, None).await?;
    let answer = plane.certify(&request, Some(&token)).await?;
    // The last text is the roots.
    let chain = answer
        .split_last()
        .map(|(_, chain)| chain.concat())
        .unwrap_or_default();
    let chain = Certificate::all_from_pem(chain.as_bytes())
        .map_err(|fault| Fault::ours(fault.to_string()))?;
    Ok(Certified {
        chain: chain.iter().map(|it| it.der().to_vec().into()).collect(),
        key: key.der(),
    })
}

fn run(
    manifests: &Manifests,
    state: &State,
    [xds, plaintext, debug]: [String; 3],
    further: &[String],
) -> Process {
    let source = format!("dir:{}", manifests.path().display());
    let state = state.path().display().to_string();
    let arguments = [
        "--source",
        &source,
        "--state",
        &state,
        "--xds-address",
        &xds,
        "--plaintext-xds-address",
        &plaintext,
        "--debug-address",
        &debug,
    ];
    let further = further.iter().map(String::as_str);
    Process::run("ferromesh-operator", arguments.into_iter().chain(further))
}
