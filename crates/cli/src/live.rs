//! The cluster of the kubeconfig, for the commands that look at one.

use std::fmt::Display;

use bytes::Bytes;
use ferromesh_chassis::Failure;
use ferromesh_kube_source::cluster::connect;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};

/// The label of the control plane's pods.
const CONTROL_PLANE: &str = "app.kubernetes.io/name=ferromesh";

/// The control plane's debug address, which only its own pod reaches.
pub const DEBUG_PORT: u16 = 15014;

/// Envoy's admin interface, which only its own pod reaches.
pub const ADMIN_PORT: u16 = 15000;

/// The largest answer that is read.
const LARGEST: usize = 512 << 20;

/// Does work that waits for others.
///
/// # Errors
/// What the work says, or that there is no cluster.
pub fn with_cluster<T>(work: impl AsyncFnOnce(Client) -> Result<T, Failure>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let client = connect()
            .await
            .map_err(|error| Failure::new(error.to_string()))?;
        work(client).await
    })
}

/// What a failure of the API server is called.
pub fn failed(what: impl Display) -> impl FnOnce(kube::Error) -> Failure {
    move |error| {
        let told = match error {
            kube::Error::Api(status) => status.message,
            other => other.to_string(),
        };
        Failure::new(format!("{what}: {told}"))
    }
}

/// The control plane's replicas that run.
///
/// # Errors
/// When the API server doesn't say.
pub async fn replicas(client: &Client, namespace: &str) -> Result<Vec<Pod>, Failure> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let found = pods
        .list(&ListParams::default().labels(CONTROL_PLANE))
        .await;
    let found = found.map_err(failed(format!("pods of {namespace}")))?;
    let runs = |pod: &Pod| {
        let phase = pod
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
    };
    Ok(found.items.into_iter().filter(runs).collect())
}

/// What a port of a pod answers that only the pod itself reaches.
///
/// # Errors
/// When it can't be reached, or says anything but 200.
pub async fn get(client: &Client, pod: &Pod, port: u16, path: &str) -> Result<Bytes, Failure> {
    let name = pod.name_any();
    let fault = |what: &dyn Display| Failure::new(format!("pod {name}, port {port}: {what}"));
    let pods: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    let mut forwarded = pods
        .portforward(&name, &[port])
        .await
        .map_err(failed(format!("pod {name}")))?;
    let stream = forwarded
        .take_stream(port)
        .ok_or_else(|| fault(&"no stream"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| fault(&error))?;
    tokio::spawn(connection);
    let request = Request::get(path)
        .header("host", "localhost")
        .body(Empty::<Bytes>::new())
        .map_err(|error| fault(&error))?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| fault(&error))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| fault(&error))?.to_bytes();
    if status.is_success() {
        Ok(body)
    } else {
        let said = String::from_utf8_lossy(&body);
        Err(fault(&format!("{status}: {}", said.trim())))
    }
}
