//! The agent's own HTTP interface: whether the proxy is ready, statistics, what the kubelet asks of the application, and the
//! announcement of the end, which counts only from this machine.

mod places;

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::admin::Admin;
use crate::application::{Application, ask, scrape};
use crate::identity::held::Held;
use crate::identity::keeper::Counts;
use places::Places;

/// The statistics that readiness is made of: `^(cluster_manager\.cds|listener_manager\.lds)\.update_(success|rejected)$`,
/// the server's state and whether the workers run.
const READINESS: &str = "%5E(cluster_manager%5C.cds%5C.update_(success%7Crejected)%7Clistener_manager%5C.lds%5C.update_(success%7Crejected)%7Cserver%5C.state%7Clistener_manager%5C.workers_started)%24";

/// What the agent is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Envoy has not been started yet.
    Starting,
    /// Envoy runs.
    Running,
    /// Envoy died and is about to be started again.
    Restarting,
    /// The proxy ends.
    Draining,
}

/// What the control plane has to send before the proxy can take traffic, in that order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lack {
    /// Clusters.
    Clusters,
    /// Listeners.
    Listeners,
}

/// Why the proxy can't take traffic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unready {
    /// The control plane has not sent any of these yet.
    Unconfigured(Lack),
    /// Something else, in a few words.
    Otherwise(String),
}

impl fmt::Display for Unready {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unconfigured(lack) => {
                let what = match lack {
                    Lack::Clusters => "clusters",
                    Lack::Listeners => "listeners",
                };
                write!(formatter, "the control plane has sent no {what} yet")
            }
            Self::Otherwise(why) => formatter.write_str(why),
        }
    }
}

/// Where the end is announced.
pub const ANNOUNCE_DRAIN: &str = "/drain";

type Body = BoxBody<Bytes, hyper::Error>;

/// What the answers are made of.
#[derive(Clone, Debug)]
pub struct Observed {
    /// What the agent is doing.
    pub phase: watch::Receiver<Phase>,
    /// Envoy's admin interface, once it was started.
    pub admin: Arc<OnceLock<Admin>>,
    /// The identity, if there is to be one.
    pub identity: Option<(watch::Receiver<Held>, watch::Receiver<Counts>)>,
    /// The application.
    pub application: Arc<Application>,
    /// Whether the end has been announced.
    pub announced: watch::Sender<Announced>,
}

/// Whether somebody has said that the pod will end.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Announced {
    /// Nobody has.
    #[default]
    No,
    /// Somebody has.
    Yes,
}

impl Observed {
    /// Whether the proxy can take traffic, or why not.
    async fn readiness(&self) -> Result<(), Unready> {
        let phase = *self.phase.borrow();
        if let (Phase::Starting, Some((held, _))) = (phase, &self.identity) {
            return Err(Unready::Otherwise(held.borrow().to_string()));
        }
        match self.admin.get() {
            Some(admin) => readiness(*admin, phase).await,
            None => Err(Unready::Otherwise("envoy is being started".to_owned())),
        }
    }

    /// The application's metrics, our own and Envoy's, of which none takes anything from the others.
    async fn statistics(&self, patience: Duration) -> Response<Body> {
        let (envoys, mut parts) =
            tokio::join!(self.envoy_statistics(), self.application.metrics(patience));
        parts.push(Bytes::from(self.own_statistics()));
        let ours = stream::iter(parts.into_iter().map(|part| Ok(Frame::data(part))));
        let body = match envoys {
            Ok(envoys) => BodyExt::boxed(StreamBody::new(ours.chain(BodyStream::new(envoys)))),
            Err(error) => {
                tracing::debug!(error, "envoy gives no metrics");
                BodyExt::boxed(StreamBody::new(ours))
            }
        };
        let mut response = Response::new(body);
        let kind = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }

    async fn envoy_statistics(&self) -> Result<Incoming, String> {
        let admin = self.admin.get().ok_or("it is being started")?;
        let answer = admin.send(Method::GET, "/stats/prometheus?usedonly").await;
        match answer.map_err(|error| error.to_string())?.into_parts() {
            (parts, body) if parts.status == StatusCode::OK => Ok(body),
            (parts, _) => Err(format!("its answer is {}", parts.status)),
        }
    }

    /// Tells clients that they had better go elsewhere, while everything goes on.
    async fn announce_drain(&self) -> Response<Body> {
        self.announced.send_replace(Announced::Yes);
        let Some(admin) = self.admin.get() else {
            return text(StatusCode::OK, "there are no clients yet");
        };
        match admin
            .send(
                Method::POST,
                "/drain_listeners?graceful&skip_exit&inboundonly",
            )
            .await
        {
            Ok(answer) if answer.status().is_success() => text(StatusCode::OK, "announced"),
            Ok(answer) => text(
                StatusCode::BAD_GATEWAY,
                &format!("envoy answers {}", answer.status()),
            ),
            Err(error) => text(StatusCode::BAD_GATEWAY, &error.to_string()),
        }
    }

    fn own_statistics(&self) -> String {
        let failures = self.application.failures.load(Ordering::Relaxed);
        let scrapes = format!(
            "# TYPE ferromesh_agent_scrape_failures_total counter\n\
             ferromesh_agent_scrape_failures_total{{type=\"application\"}} {failures}\n"
        );
        let Some((held, counts)) = &self.identity else {
            return scrapes;
        };
        let expires = held.borrow().own.as_ref().map_or(0, |own| own.expires());
        let Counts { issued, failed } = *counts.borrow();
        format!(
            "{scrapes}# TYPE ferromesh_agent_certificate_expiry_timestamp_seconds gauge\n\
             ferromesh_agent_certificate_expiry_timestamp_seconds {expires}\n\
             # TYPE ferromesh_agent_certificate_requests_total counter\n\
             ferromesh_agent_certificate_requests_total{{outcome=\"issued\"}} {issued}\n\
             ferromesh_agent_certificate_requests_total{{outcome=\"failed\"}} {failed}\n"
        )
    }
}

/// Serves until the future is dropped.
pub async fn serve(listener: TcpListener, observed: Observed) {
    let places = Places::new();
    loop {
        let Some(place) = places.free().await else {
            return;
        };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection on the status address");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(place) = place.take(peer.ip()) else {
            continue;
        };
        let observed = observed.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let observed = observed.clone();
            async move { Ok::<_, Infallible>(answer(&request, peer.ip(), &observed).await) }
        });
        tokio::spawn(async move {
            // A client that breaks off is its own business.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(place);
        });
    }
}

async fn answer(request: &Request<Incoming>, peer: IpAddr, observed: &Observed) -> Response<Body> {
    let path = request.uri().path();
    if request.method() == Method::POST && path == ANNOUNCE_DRAIN {
        return if peer.to_canonical().is_loopback() {
            observed.announce_drain().await
        } else {
            text(StatusCode::FORBIDDEN, "only from this pod")
        };
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served");
    }
    let Application {
        place, handlers, ..
    } = &*observed.application;
    if let Some(handler) = handlers.find(path) {
        if place.from == Some(peer) {
            return text(StatusCode::LOOP_DETECTED, "the application leads back here");
        }
        let user_agent = request.headers().get(header::USER_AGENT);
        let (status, said) = match handler {
            Ok(handler) => ask::handler(*place, handler, user_agent).await,
            Err(what) => (StatusCode::SERVICE_UNAVAILABLE, what.to_owned()),
        };
        return text(status, &said);
    }
    match path {
        "/ready" | "/healthz/ready" => match observed.readiness().await {
            Ok(()) => text(StatusCode::OK, "ready"),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, &why.to_string()),
        },
        "/stats/prometheus" => {
            observed
                .statistics(scrape::patience(request.headers()))
                .await
        }
        _ => text(
            StatusCode::NOT_FOUND,
            "there are /ready, /healthz/ready and /stats/prometheus",
        ),
    }
}

fn text(status: StatusCode, line: &str) -> Response<Body> {
    let body =
        Full::new(Bytes::from(format!("{line}\n"))).map_err(|never: Infallible| match never {});
    let mut response = Response::new(body.boxed());
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Whether the proxy can take traffic, or why not.
///
/// # Errors
/// The reason.
pub async fn readiness(admin: Admin, phase: Phase) -> Result<(), Unready> {
    let why = match phase {
        Phase::Running => match admin.stats(READINESS).await {
            Ok(stats) => return judge(&stats),
            Err(error) => error.to_string(),
        },
        Phase::Starting => "envoy is being started".to_owned(),
        Phase::Restarting => "envoy is being restarted".to_owned(),
        Phase::Draining => "the proxy is draining".to_owned(),
    };
    Err(Unready::Otherwise(why))
}

/// Istio's rule: Envoy is live, its workers run, and it has had clusters and listeners from the control plane.
fn judge(stats: &str) -> Result<(), Unready> {
    let value = |name: &str| {
        let line = stats
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|value| value.trim().parse::<u64>().ok())
            .unwrap_or(0)
    };
    let answered = |kind: &str| {
        value(&format!("{kind}.update_success")) + value(&format!("{kind}.update_rejected")) > 0
    };
    if !answered("cluster_manager.cds") {
        return Err(Unready::Unconfigured(Lack::Clusters));
    }
    if !answered("listener_manager.lds") {
        return Err(Unready::Unconfigured(Lack::Listeners));
    }
    // The state is 0 when live; a line that is missing must not count as that.
    if !stats.lines().any(|line| line == "server.state: 0")
        || value("listener_manager.workers_started") != 1
    {
        return Err(Unready::Otherwise("envoy is not live yet".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_needs_configuration_and_a_live_envoy() {
        let stats = |cds: u32, lds: u32, state: u32, workers: u32| {
            format!(
                "cluster_manager.cds.update_rejected: 0\ncluster_manager.cds.update_success: {cds}\n\
                 listener_manager.lds.update_rejected: {lds}\nlistener_manager.lds.update_success: 0\n\
                 listener_manager.workers_started: {workers}\nserver.state: {state}\n"
            )
        };
        assert_eq!(judge(&stats(1, 2, 0, 1)), Ok(()));
        for (stats, why) in [
            (stats(0, 1, 0, 1), "no clusters"),
            (stats(1, 0, 0, 1), "no listeners"),
            (stats(1, 1, 2, 1), "not live"),
            (stats(1, 1, 0, 0), "not live"),
            (String::new(), "no clusters"),
        ] {
            let line = judge(&stats).unwrap_err().to_string();
            assert!(line.contains(why), "{line}");
        }
    }
}
