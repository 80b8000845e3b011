//! The server that the API server calls.

mod connection;
mod places;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Router, extract};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::review::Malformed;
use places::{Place, Places};

/// An object is at most 1.5 MiB in etcd's usual configuration; a review has it twice.
const LONGEST_BODY: usize = 8 << 20;

/// For how long requests are answered after the end has begun: until the API server has heard that
/// this replica goes, and has finished with its connections.
const LEAVING: Duration = Duration::from_secs(3);

/// How long the last answers may take.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// The answer to a review, or why it is none.
pub type Answers = dyn Fn(&[u8]) -> Result<Bytes, Malformed> + Send + Sync;

/// What the server answers with.
#[derive(Clone)]
pub struct Admission {
    /// Pods, at `/inject`.
    pub inject: Arc<Answers>,
    /// The mesh's own kinds, at `/validate`.
    pub validate: Arc<Answers>,
    /// What is asked only to see whether questions arrive, at `/probe`. Each is a connection of its
    /// own, so that the next may arrive elsewhere.
    pub probe: Arc<Answers>,
}

/// How far the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It has not begun.
    Open,
    /// Answers ask for other connections from now on.
    Leaving,
    /// Connections end when they have answered.
    Gone,
}

/// What it takes to accept.
struct Server {
    listener: TcpListener,
    config: watch::Receiver<Arc<ServerConfig>>,
    router: Router,
    phase: watch::Sender<Phase>,
    places: Places,
    connections: JoinSet<()>,
}

/// Serves until `end` and a little longer, because API servers hear late of it. Connections that are
/// made later get the newest certificate.
pub async fn serve(
    listener: TcpListener,
    config: watch::Receiver<Arc<ServerConfig>>,
    admission: Admission,
    end: impl Future<Output = ()>,
) {
    let phase = watch::Sender::new(Phase::Open);
    let mut server = Server {
        listener,
        config,
        router: router(admission, phase.subscribe()),
        phase,
        places: Places::default(),
        connections: JoinSet::new(),
    };
    server.accept_until(end).await;
    server.phase.send_replace(Phase::Leaving);
    server.accept_until(tokio::time::sleep(LEAVING)).await;
    server.phase.send_replace(Phase::Gone);
    let last = async { while server.connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(LAST_ANSWERS, last).await;
}

fn router(admission: Admission, phase: watch::Receiver<Phase>) -> Router {
    let Admission {
        inject,
        validate,
        probe,
    } = admission;
    let closing = async |mut response: Response| {
        close(&mut response);
        response
    };
    Router::new()
        .route("/inject", post(review).with_state(inject))
        .route("/validate", post(review).with_state(validate))
        .route(
            "/probe",
            post(review)
                .with_state(probe)
                .layer(axum::middleware::map_response(closing)),
        )
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(map_response_with_state(phase, say_goodbye))
}

async fn say_goodbye(
    extract::State(phase): extract::State<watch::Receiver<Phase>>,
    mut response: Response,
) -> Response {
    if *phase.borrow() != Phase::Open {
        close(&mut response);
    }
    response
}

/// HTTP/2 has no such header, and none is sent there.
fn close(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}

async fn review(State(answers): State<Arc<Answers>>, body: Bytes) -> Response {
    match answers(&body) {
        Ok(answer) => ([(CONTENT_TYPE, "application/json")], answer).into_response(),
        Err(Malformed(text)) => (StatusCode::BAD_REQUEST, text).into_response(),
    }
}

impl Server {
    async fn accept_until(&mut self, end: impl Future<Output = ()>) {
        let mut end = std::pin::pin!(end);
        loop {
            let accepted = async {
                let place = self.places.free().await;
                (place, self.listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                accepted = accepted => accepted,
                () = &mut end => return,
            };
            while self.connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, from)) => self.take(stream, from, place),
                // Out of descriptors, most likely; connections that end give some back.
                Err(error) => {
                    tracing::warn!(%error, "a connection for admission was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn take(&mut self, stream: TcpStream, from: SocketAddr, place: Place) {
        let Some(place) = self.places.give(place, from.ip()) else {
            tracing::debug!(%from, "too many connections for admission from one address");
            return;
        };
        let acceptor = acceptor(&self.config.borrow());
        let (router, phase) = (self.router.clone(), self.phase.subscribe());
        self.connections.spawn(async move {
            connection::serve(stream, acceptor, router, phase).await;
            drop(place);
        });
    }
}

/// With what is shown now. API servers speak HTTP/1.1 to webhooks, and some day HTTP/2.
fn acceptor(config: &ServerConfig) -> TlsAcceptor {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
