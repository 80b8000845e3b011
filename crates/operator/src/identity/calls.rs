//! The calls beside xDS: certificates, and who is trusted.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ferromesh_ca as ca;
use ferromesh_chassis::Shutdown;
use ferromesh_identity::SpiffeId;
use ferromesh_proto::auth::CREATE_CERTIFICATE;
use ferromesh_proto::progress::{ASK, AskRequest, MOST_VERSIONS};
use ferromesh_proto::trust::{FETCH, FetchRequest, FetchResponse, LONGEST_WAIT_SECONDS};
use ferromesh_xds_server::{Answer, Call, Proof, Status};
use tokio::sync::watch;

use crate::cluster::status::Reports;

/// gRPC: the message is none of ours.
const INVALID_ARGUMENT: u8 = 3;

/// gRPC: the call is not for whoever calls.
const PERMISSION_DENIED: u8 = 7;

/// Answers them.
pub(super) struct Calls {
    service: Arc<ca::Service>,
    bundles: watch::Receiver<Arc<FetchResponse>>,
    /// Who all replicas are, and what they may ask for.
    replicas: (SpiffeId, Reports),
    shutdown: Shutdown,
}

impl Calls {
    /// With these answers. Nobody waits for bundles any longer when the shutdown begins.
    pub(super) fn new(
        service: Arc<ca::Service>,
        bundles: watch::Receiver<Arc<FetchResponse>>,
        replicas: (SpiffeId, Reports),
        shutdown: Shutdown,
    ) -> Self {
        Self {
            service,
            bundles,
            replicas,
            shutdown,
        }
    }
}

impl ferromesh_xds_server::Calls for Calls {
    fn call(&self, call: Call) -> Option<Answer> {
        match call.path.as_str() {
            CREATE_CERTIFICATE => Some(Box::pin(certify(Arc::clone(&self.service), call))),
            FETCH => {
                let (bundles, shutdown) = (self.bundles.clone(), self.shutdown.clone());
                Some(Box::pin(fetch(bundles, shutdown, call.body)))
            }
            ASK => {
                let (replica, reports) = &self.replicas;
                let answer = ask(replica, reports, &call);
                Some(Box::pin(std::future::ready(answer)))
            }
            _ => None,
        }
    }
}

async fn certify(service: Arc<ca::Service>, call: Call) -> Result<Bytes, Status> {
    let chain = match &call.peer.proof {
        Proof::Certificate(verified) => verified.chain.as_slice(),
        Proof::Anonymous | Proof::Loopback => &[],
    };
    let answer = service.create_certificate(ca::service::Call {
        authorization: call.authorization.as_deref(),
        chain,
        body: &call.body,
    });
    answer
        .await
        .map_err(|ca::Status { code, message }| Status { code, message })
}

/// Tells another replica what the proxies of this one have taken.
fn ask(replica: &SpiffeId, reports: &Reports, call: &Call) -> Result<Bytes, Status> {
    let refused = |code, message: String| Status { code, message };
    match &call.peer.proof {
        Proof::Certificate(verified) if verified.identity == *replica => {}
        Proof::Certificate(_) | Proof::Anonymous | Proof::Loopback => {
            let message = "this is for replicas of the control plane".to_owned();
            return Err(refused(PERMISSION_DENIED, message));
        }
    }
    let request = AskRequest::parse(&call.body)
        .map_err(|error| refused(INVALID_ARGUMENT, error.to_string()))?;
    if request.versions.len() > MOST_VERSIONS {
        let message = format!("more than {MOST_VERSIONS} versions");
        return Err(refused(INVALID_ARGUMENT, message));
    }
    Ok(reports.answer(&request).render())
}

/// Waits for another version than the known one, if the caller wants to.
async fn fetch(
    mut bundles: watch::Receiver<Arc<FetchResponse>>,
    shutdown: Shutdown,
    body: Bytes,
) -> Result<Bytes, Status> {
    let FetchRequest {
        known_version,
        wait_seconds,
    } = FetchRequest::parse(&body).map_err(|error| Status {
        code: INVALID_ARGUMENT,
        message: error.to_string(),
    })?;
    let wait = Duration::from_secs(wait_seconds.min(LONGEST_WAIT_SECONDS).into());
    let news = bundles.wait_for(|bundles| bundles.version != known_version);
    // Without news the answer is the known version.
    tokio::select! {
        _ = tokio::time::timeout(wait, news) => {}
        () = shutdown.begun() => {}
    }
    let answer = bundles.borrow().render();
    Ok(answer)
}

#[cfg(test)]
mod tests;
