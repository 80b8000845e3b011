//! What runs: the control plane and the instances of the shop.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use ferromesh_kube_source::directory;
use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::{Answer, Request};
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::mesh::{ControlPlane, Settings, State, Workload};
use ferromesh_testkit::process::Process;
use ferromesh_testkit::wait::eventually;
use serde_json::Value;

use crate::copy::Copy;
use crate::screen::Screen;

/// The namespace of the shop, which its manifests need not name.
const NAMESPACE: &str = "ecommerce";
/// The port of every service.
pub const SERVICE_PORT: u16 = 8000;
/// The port of every application.
pub const APP_PORT: u16 = 8080;
/// Pods have the first addresses of the block, their applications and outbound listeners those behind.
const APP_OFFSET: u8 = 80;
const OUTBOUND_OFFSET: u8 = 160;

/// The running shop. Dropping it stops everything.
pub struct Shop {
    workloads: BTreeMap<String, Workload>,
    operator: Process,
    debug: SocketAddr,
    /// The manifests that the control plane watches.
    pub copy: Copy,
    /// Tokens are read again for each certificate.
    _state: State,
    _addresses: Addresses,
}

impl Shop {
    /// Starts everything and waits until it is ready.
    pub async fn start(samples: &Path) -> Self {
        let mut addresses = Addresses::take();
        let copy = Copy::make(samples, addresses.next_v4());
        let state = State::new();
        let operator = operator(copy.manifests().path(), state.path());
        let announced = operator.addresses().await;
        let debug = announced["debug"];
        let plane = ControlPlane::Secured(announced["xds"], state.clone());
        let mut workloads = BTreeMap::new();
        for settings in pods(copy.manifests().path()) {
            let workload = Workload::start_unready(settings, plane.clone()).await;
            workloads.insert(workload.settings().name.clone(), workload);
        }
        for workload in workloads.values() {
            workload.ready().await;
        }
        Self {
            workloads,
            operator,
            debug,
            copy,
            _state: state,
            _addresses: addresses,
        }
    }

    /// Says what there is and where.
    pub fn introduce(&self, screen: &mut Screen) {
        screen.say("ready:");
        for (name, workload) in &self.workloads {
            screen.detail(&format!(
                "{name:14} {}:{APP_PORT}  its Envoy: http://{}/",
                workload.settings().address,
                workload.admin()
            ));
        }
        screen.detail(&format!(
            "control plane  http://{}/debug/syncz, /debug/diagnostics, /metrics",
            self.debug
        ));
        screen.detail(&format!(
            "manifests      {}",
            self.copy.manifests().path().display()
        ));
    }

    /// An instance by the name of its pod.
    pub fn instance(&self, name: &str) -> &Workload {
        self.workloads
            .get(name)
            .unwrap_or_else(|| panic!("the samples have no pod {name}"))
    }

    /// The instance on whose behalf requests are sent.
    pub fn frontend(&self) -> &Workload {
        self.instance("frontend-1")
    }

    /// Where the frontend's application finds every service.
    pub fn outbound(&self) -> SocketAddr {
        self.frontend().outbound(SERVICE_PORT)
    }

    /// A request of the frontend.
    pub fn request(service: &str, path: &str) -> Request {
        Request::get(&format!("{service}:{SERVICE_PORT}"), path)
    }

    /// Sends a request of the frontend.
    pub async fn ask(&self, request: Request) -> Result<Answer, String> {
        request.send(self.outbound()).await
    }

    /// What is wrong with the manifests, as the control plane sees it now.
    pub async fn diagnostics(&self) -> Vec<Value> {
        let answer = Request::get("localhost", "/debug/diagnostics")
            .send(self.debug)
            .await;
        let body = answer.map(|answer| answer.body).unwrap_or_default();
        serde_json::from_slice(&body).unwrap_or_default()
    }

    /// The control plane's log until now.
    pub fn log(&self) -> Vec<String> {
        self.operator.stderr()
    }

    /// Waits until the frontend gets an answer from a service.
    pub async fn first_answer(&self, service: &str) {
        eventually(&format!("{service} answers"), async || {
            let answer = self.ask(Self::request(service, "/")).await?;
            if answer.status == 200 {
                Ok(())
            } else {
                Err(format!("{}: {}", answer.status, answer.text()))
            }
        })
        .await;
    }
}

fn operator(directory: &Path, state: &Path) -> Process {
    let state = state.display().to_string();
    let source = format!("dir:{}", directory.display());
    let any = "127.0.0.1:0";
    let arguments = [
        "--source",
        &source,
        "--default-namespace",
        NAMESPACE,
        "--state",
        &state,
        "--xds-address",
        any,
        // So that a person sees a renewal.
        "--certificate-lifetime",
        "30",
        "--debug-address",
        any,
    ];
    Process::run("ferromesh-operator", arguments)
}

/// The pods of the manifests, each with three addresses.
fn pods(directory: &Path) -> Vec<Settings> {
    let objects = directory::load(&[directory], NAMESPACE).objects;
    objects
        .iter()
        .filter(|located| located.object.kind == "Pod")
        .map(|located| {
            let metadata = &located.object.metadata;
            let address = located.object.content["status"]["podIP"]
                .as_str()
                .and_then(|text| text.parse().ok());
            let Some(IpAddr::V4(address)) = address else {
                panic!("pod {} has no podIP", metadata.name)
            };
            let [a, b, c, d] = address.octets();
            assert!(
                d < APP_OFFSET,
                "pod {}: {address} is not among the first {APP_OFFSET}",
                metadata.name
            );
            Settings {
                name: metadata.name.clone(),
                namespace: metadata.namespace.clone(),
                has_proxy: true,
                account: located.object.content["spec"]["serviceAccountName"]
                    .as_str()
                    .unwrap_or("default")
                    .to_owned(),
                address: address.into(),
                app: [a, b, c, d + APP_OFFSET].into(),
                outbound: [a, b, c, d + OUTBOUND_OFFSET].into(),
                ports: vec![(Kind::Http, APP_PORT)],
                arguments: Vec::new(),
            }
        })
        .collect()
}
