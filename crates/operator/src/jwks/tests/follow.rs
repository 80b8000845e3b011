//! Which keys are declared, and for how long.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::policy::jwt::KeySource;
use ferromesh_xds_server::{Plane, PlaneHandle};
use tokio::sync::watch;

use super::super::store::Store;
use super::super::{Jwks, Pace, Wanted, changes, object};
use super::server::{Reply, Server};
use super::{KEYS, fetcher, uri};
use crate::metrics::Metrics;
use crate::reporter::News;

const OTHER: &str = r#"{"keys":[{"kty":"RSA","kid":"b","n":"AQ","e":"AQAB"}]}"#;

struct Control {
    plane: PlaneHandle,
    wanted: watch::Sender<Wanted>,
    metrics: Arc<Metrics>,
    task: tokio::task::JoinHandle<()>,
}

impl Control {
    async fn start(server: &Server, state: &Path) -> Self {
        let (plane, handle) = Plane::new(Box::new(|_| {}));
        tokio::spawn(plane.run());
        let (store, stored) = Store::open(Some(state)).expect("a store");
        handle
            .apply(changes(&stored), Instant::now())
            .await
            .expect("a plane");
        let metrics = Arc::new(Metrics::new());
        let pace = Pace {
            refresh: Duration::from_millis(50),
            first_retry: Duration::from_millis(20),
            last_retry: Duration::from_millis(50),
        };
        let jwks = Jwks::new(
            fetcher(server),
            (store, stored),
            pace,
            handle.clone(),
            (Arc::clone(&metrics), News::default()),
        );
        let wanted = watch::Sender::new(None);
        let task = tokio::spawn(jwks.run(wanted.subscribe()));
        Self {
            plane: handle,
            wanted,
            metrics,
            task,
        }
    }

    fn want(&self, sources: &[&KeySource]) {
        let limit = Duration::from_secs(1);
        let wanted = sources.iter().map(|source| ((*source).clone(), limit));
        self.wanted
            .send_replace(Some(wanted.collect::<BTreeMap<_, _>>()));
    }

    /// The keys that are declared, and what is remarked.
    async fn declared(&self, source: &KeySource) -> (Option<String>, Option<String>) {
        let object = object(source);
        let read = self.plane.inspect(move |acceptance, _| {
            let unit = acceptance.newest(&object)?.clone();
            let keys = unit.declarations.first().map(|declaration| {
                let Declaration::KeySet(set) = declaration else {
                    panic!("{declaration:?}")
                };
                set.keys.to_string()
            });
            let remark = unit.diagnostics.first();
            Some((keys, remark.map(|remark| remark.message.clone())))
        });
        read.await.expect("a plane").unwrap_or_default()
    }

    async fn until(&self, source: &KeySource, keys: Option<&str>, remark: &str) {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let (found, remarked) = self.declared(source).await;
            let remarked = remarked.unwrap_or_default();
            let fits = if remark.is_empty() {
                remarked.is_empty()
            } else {
                remarked.contains(remark)
            };
            if found.as_deref() == keys && fits {
                return;
            }
            assert!(Instant::now() < end, "{found:?} {remarked:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn each_source_has_its_own_fate() {
    let server = Server::plain().await;
    let state = tempfile::tempdir().expect("a directory");
    let control = Control::start(&server, state.path()).await;
    let (good, bad) = (uri(server.url("/good")), uri(server.url("/bad")));
    let blocked = uri("http://127.0.0.1:1/".to_owned());
    server.put("/good", Reply::document(KEYS));
    server.put("/bad", Reply::silence());
    control.want(&[&bad, &blocked, &good]);
    control.until(&good, Some(KEYS), "").await;
    control
        .until(&blocked, None, "it is never connected to; all tokens")
        .await;
    control.until(&bad, None, "no answer within 1 s").await;
    server.put("/good", Reply::document(OTHER));
    control.until(&good, Some(OTHER), "").await;
    server.put("/good", Reply::status(503));
    control
        .until(
            &good,
            Some(OTHER),
            "status 503; those of before stay in force",
        )
        .await;
    server.put("/good", Reply::document(KEYS));
    control.until(&good, Some(KEYS), "").await;
    server.put("/bad", Reply::document(OTHER));
    control.until(&bad, Some(OTHER), "").await;
    assert!(control.metrics.jwks_fetched.get() >= 4);
    assert!(control.metrics.jwks_failed.get() >= 3);
}

#[tokio::test]
async fn keys_outlive_the_program_and_not_their_rule() {
    let server = Server::plain().await;
    let state = tempfile::tempdir().expect("a directory");
    let (kept, dropped) = (
        uri(server.url("/kept")),
        KeySource::Issuer(server.url("").into()),
    );
    let configuration = format!(r#"{{"jwks_uri":"{}"}}"#, server.url("/kept"));
    server.put("/kept", Reply::document(KEYS));
    server.put(
        "/.well-known/openid-configuration",
        Reply::document(&configuration),
    );
    let first = Control::start(&server, state.path()).await;
    first.want(&[&kept, &dropped]);
    first.until(&kept, Some(KEYS), "").await;
    first.until(&dropped, Some(KEYS), "").await;
    first.task.abort();

    std::fs::write(state.path().join("broken.json"), "{").expect("a file");
    server.put("/kept", Reply::status(503));
    let second = Control::start(&server, state.path()).await;
    for source in [&kept, &dropped] {
        let (keys, _) = second.declared(source).await;
        assert_eq!(keys.as_deref(), Some(KEYS), "from the first moment on");
    }
    second.want(&[&kept]);
    second.until(&kept, Some(KEYS), "status 503").await;
    second.until(&dropped, None, "").await;
    second.want(&[]);
    second.until(&kept, None, "").await;
    second.task.abort();

    let (_, stored) = Store::open(Some(state.path())).expect("a store");
    assert!(stored.is_empty(), "{stored:?}");
}
