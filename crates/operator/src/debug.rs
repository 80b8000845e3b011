//! The debug address: readiness, metrics, and what is going on, for people and for the tools
//! that they know from Istio.

mod config_dump;
mod endpointz;
mod syncz;

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use ferromesh_chassis::{Shutdown, version};
use ferromesh_kube_source::report::Record;
use ferromesh_xds::{Resource, ResourceType, Snapshot};
use ferromesh_xds_server::Hub;
use prometheus_client::registry::Registry;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::cluster::probe::{Reach, Reached};
use crate::findings::Findings;
use crate::metrics::{self, Format};

/// What the pages show.
pub struct App {
    /// The streams and what they are served.
    pub hub: Arc<Hub>,
    /// What is wrong with the manifests.
    pub findings: Findings,
    /// The metrics.
    pub registry: Registry,
    /// Whether the API server reaches this replica.
    pub admission: Reached,
    /// Whether the end has begun.
    pub shutdown: Shutdown,
}

/// Which pages are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// All of them: for people on this machine.
    All,
    /// Readiness and metrics: for the kubelet and for Prometheus.
    Health,
}

/// Serves pages until `end`.
pub async fn serve(
    listener: TcpListener,
    pages: Pages,
    app: Arc<App>,
    end: impl Future<Output = ()> + Send + 'static,
) {
    let few = Router::new()
        .route("/ready", get(ready))
        .route("/metrics", get(metrics_page));
    let router = match pages {
        Pages::Health => few,
        Pages::All => few
            .route("/version", get(async || version::full()))
            .route("/debug/syncz", get(syncz_page))
            .route("/debug/config_dump", get(config_dump_page))
            .route("/debug/endpointz", get(endpointz_page))
            .route("/debug/diagnostics", get(diagnostics_page))
            .fallback(nothing_here),
    };
    if let Err(error) = axum::serve(listener, router.with_state(app))
        .with_graceful_shutdown(end)
        .await
    {
        tracing::error!(%error, "the pages are not served any more");
    }
}

async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.shutdown.has_begun() {
        (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n")
    } else if !app.hub.is_ready() {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the manifests are not compiled yet\n",
        )
    } else if app.admission.get() == Reach::Awaited {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the API server has not asked this replica yet\n",
        )
    } else {
        (StatusCode::OK, "ready\n")
    }
}

async fn metrics_page(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let accepted = headers.get_all(ACCEPT).iter();
    let accepted: Vec<_> = accepted.filter_map(|value| value.to_str().ok()).collect();
    let format = Format::accepted(&accepted.join(","));
    match metrics::render(&app.registry, format) {
        Ok(text) => ([(CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn syncz_page(State(app): State<Arc<App>>) -> Json<Value> {
    Json(syncz::render(&app.hub.streams()))
}

#[derive(Deserialize)]
struct Which {
    /// `NAME.NAMESPACE`.
    proxy: Option<String>,
}

async fn config_dump_page(State(app): State<Arc<App>>, Query(which): Query<Which>) -> Response {
    let Some(proxy) = which.proxy else {
        return (
            StatusCode::BAD_REQUEST,
            "write /debug/config_dump?proxy=NAME.NAMESPACE\n",
        )
            .into_response();
    };
    let stream = app
        .hub
        .streams()
        .into_iter()
        .find(|stream| *stream.client.name() == *proxy);
    let Some(stream) = stream else {
        let text = format!("no proxy {proxy} is connected (see /debug/syncz)\n");
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let snapshot = app.hub.snapshot();
    let audiences = stream.audiences.unwrap_or_default();
    let catalogs = audiences
        .iter()
        .filter_map(|audience| snapshot.catalog(*audience));
    let resources: Vec<_> = catalogs
        .flat_map(|catalog| {
            ResourceType::ALL
                .into_iter()
                .flat_map(move |ty| catalog.iter(ty))
        })
        .filter_map(|(_, id)| snapshot.resource(id))
        .collect();
    Json(config_dump::render(resources)).into_response()
}

async fn endpointz_page(State(app): State<Arc<App>>) -> Json<Value> {
    Json(endpointz::render(all(&app.hub.snapshot())))
}

fn all(snapshot: &Snapshot) -> impl Iterator<Item = &Arc<Resource>> {
    snapshot.resources().map(|(_, resource)| resource)
}

async fn diagnostics_page(State(app): State<Arc<App>>) -> Json<Value> {
    Json(
        app.findings
            .get()
            .records
            .iter()
            .map(Record::to_json)
            .collect(),
    )
}

async fn nothing_here() -> (StatusCode, &'static str) {
    let text = "there are /ready, /version, /metrics, /debug/syncz, /debug/config_dump?proxy=NAME.NAMESPACE, \
                /debug/endpointz and /debug/diagnostics\n";
    (StatusCode::NOT_FOUND, text)
}
