//! Whether the questions of the API server arrive at this replica: only then is it ready.
//!
//! It has the API server ask about a Lease that nobody keeps, again and again until the question
//! arrives here: before, pods would be refused for want of an answer. Once it has arrived that
//! never counts again: an API server that is away takes no replica out. And something between the
//! two that lets nothing through must not take the whole control plane out, so that after a while
//! the replica is ready all the same, and says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ferromesh_webhook::probe::LABEL;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Cluster, MANAGER, told};

/// The Lease that nobody keeps.
const NAME: &str = "ferromesh-probe";

/// How long a replica is not ready for want of a question.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(5);

/// The pause between two attempts, while it counts and after.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Whether the API server reaches this replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// It has no reason to.
    #[default]
    Unneeded,
    /// Nobody knows yet.
    Awaited,
    /// It doesn't, and that holds up nothing any more.
    Missed,
    /// It did.
    Reached,
}

/// The same for all who want to know.
#[derive(Clone, Debug, Default)]
pub struct Reached(Arc<watch::Sender<Reach>>);

impl Reached {
    /// What is known now.
    pub fn get(&self) -> Reach {
        *self.0.borrow()
    }

    /// From now on it counts.
    pub fn await_it(&self) {
        self.0.send_replace(Reach::Awaited);
    }

    fn set(&self, reach: Reach) {
        self.0.send_replace(reach);
    }
}

/// What has arrived last.
#[derive(Clone, Debug, Default)]
pub struct Arrivals(Arc<Mutex<String>>);

impl Arrivals {
    /// A question with this in its label has arrived.
    pub fn note(&self, said: &str) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.clone_into(&mut last);
    }

    fn has(&self, said: &str) -> bool {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last == said
    }
}

/// Has the API server ask.
pub struct Probe {
    api: Api<Lease>,
    arrivals: Arrivals,
    reached: Reached,
}

impl Probe {
    /// Nothing has arrived yet.
    pub fn new(cluster: &Cluster, arrivals: Arrivals, reached: Reached) -> Self {
        Self {
            api: Api::namespaced(cluster.client.clone(), &cluster.namespace),
            arrivals,
            reached,
        }
    }

    /// Asks until the question arrives.
    pub async fn run(self) {
        let start = Instant::now();
        let end = start + PATIENCE;
        let mut fault = "it has not answered yet".to_owned();
        loop {
            let attempt = tokio::time::timeout(ATTEMPT, self.attempt());
            let is_awaited = self.reached.get() == Reach::Awaited;
            let outcome = tokio::select! {
                outcome = attempt => outcome,
                () = tokio::time::sleep_until(end), if is_awaited => {
                    self.reached.set(Reach::Missed);
                    tracing::error!(
                        fault,
                        "the API server does not reach this replica, so that pods may be refused; \
                         it serves proxies all the same (look for a firewall before port 15017)"
                    );
                    continue;
                }
            };
            match outcome {
                Ok(Ok(())) => break,
                Ok(Err(why)) => fault = why,
                Err(_) => "there is no answer in time".clone_into(&mut fault),
            }
            tracing::debug!(fault, "the API server does not reach this replica yet");
            let pause = if is_awaited { PAUSES.0 } else { PAUSES.1 };
            tokio::time::sleep(pause).await;
        }
        self.reached.set(Reach::Reached);
        let after = start.elapsed().as_secs_f64();
        tracing::info!(after, "the API server reaches this replica");
    }

    /// Asks once.
    async fn attempt(&self) -> Result<(), String> {
        let nonce = format!("{:032x}", fastrand::u128(..));
        let label = (LABEL.to_owned(), nonce.clone());
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(NAME.to_owned()),
                labels: Some(BTreeMap::from([label])),
                ..ObjectMeta::default()
            },
            spec: None,
        };
        let params = PostParams {
            dry_run: true,
            field_manager: Some(MANAGER.to_owned()),
        };
        let outcome = self.api.create(&params, &lease).await;
        // What became of the Lease doesn't matter.
        if self.arrivals.has(&nonce) {
            return Ok(());
        }
        match outcome {
            Ok(_) => Err("it asks nobody, or another replica".to_owned()),
            Err(error) => Err(told(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Json;
    use axum::extract::{RawQuery, State};
    use axum::routing::post;
    use serde_json::Value;

    use super::*;

    fn cluster(address: &str) -> Cluster {
        rustls::crypto::aws_lc_rs::default_provider()
            .install_default()
            .ok();
        let address = format!("http://{address}").parse().expect("an address");
        let mut config = kube::Config::new(address);
        config.default_retry = false;
        Cluster {
            client: kube::Client::try_from(config).expect("a client"),
            namespace: "mesh".to_owned(),
            replica: "a".to_owned(),
        }
    }

    /// An API server that asks this replica at the third time only.
    type Asked = (Arc<AtomicUsize>, Arrivals);

    async fn lease(
        State((asked, arrivals)): State<Asked>,
        RawQuery(query): RawQuery,
        Json(lease): Json<Value>,
    ) -> Json<Value> {
        assert!(query.is_some_and(|query| query.contains("dryRun=All")));
        let nonce = lease["metadata"]["labels"][LABEL].as_str();
        if asked.fetch_add(1, Ordering::Relaxed) == 2 {
            arrivals.note(nonce.expect("the label"));
        } else {
            arrivals.note("of somebody else");
        }
        Json(lease)
    }

    #[tokio::test]
    async fn it_asks_until_the_question_arrives_here() {
        let state: Asked = (Arc::default(), Arrivals::default());
        let (asked, arrivals) = state.clone();
        let path = "/apis/coordination.k8s.io/v1/namespaces/mesh/leases";
        let router = axum::Router::new()
            .route(path, post(lease))
            .with_state(state);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let reached = Reached::default();
        reached.await_it();
        assert_eq!(reached.get(), Reach::Awaited);
        let probe = Probe::new(&cluster(&address), arrivals, reached.clone());
        probe.run().await;
        assert_eq!(reached.get(), Reach::Reached);
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        server.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_held_up_for_longer_than_a_minute() {
        let reached = Reached::default();
        reached.await_it();
        // Nobody listens there.
        let cluster = cluster("127.0.0.1:1");
        let probing =
            tokio::spawn(Probe::new(&cluster, Arrivals::default(), reached.clone()).run());
        let start = Instant::now();
        tokio::time::sleep(PATIENCE - Duration::from_millis(1)).await;
        assert_eq!(reached.get(), Reach::Awaited);
        let mut follow = reached.0.subscribe();
        let given_up = follow.wait_for(|reach| *reach != Reach::Awaited).await;
        assert_eq!(given_up.map(|reach| *reach).ok(), Some(Reach::Missed));
        assert!(start.elapsed() < PATIENCE + Duration::from_secs(1));
        assert!(!probing.is_finished(), "it goes on asking");
        probing.abort();
    }
}
