//! The server that the API server calls.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::review::Malformed;

/// An object is at most 1.5 MiB in etcd's usual configuration; a review has it twice.
const LONGEST_BODY: usize = 8 << 20;

/// How long a client may take for its part of a handshake or for the headers of a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many connections at a time; API servers have a few.
const CONNECTIONS: usize = 256;

/// The answer to a review, or why it is none.
pub type Answers = dyn Fn(&[u8]) -> Result<Bytes, Malformed> + Send + Sync;

/// What the server answers with.
#[derive(Clone)]
pub struct Admission {
    /// Pods, at `/inject`.
    pub inject: Arc<Answers>,
    /// The mesh's own kinds, at `/validate`.
    pub validate: Arc<Answers>,
}

/// Serves until `end`. Connections that are made later get the newest certificate.
pub async fn serve(
    listener: TcpListener,
    config: watch::Receiver<Arc<ServerConfig>>,
    admission: Admission,
    end: impl Future<Output = ()>,
) {
    let Admission { inject, validate } = admission;
    let router = Router::new()
        .route("/inject", post(review).with_state(inject))
        .route("/validate", post(review).with_state(validate))
        .layer(DefaultBodyLimit::max(LONGEST_BODY));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut end = std::pin::pin!(end);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut end => return,
        };
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match accepted {
            Ok((stream, _)) => {
                let acceptor = acceptor(&config.borrow());
                let router = router.clone();
                tokio::spawn(async move {
                    connection(stream, acceptor, router).await;
                    drop(place);
                });
            }
            // Out of descriptors, most likely; connections that end give some back.
            Err(error) => {
                tracing::warn!(%error, "a connection for admission was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// With what is shown now. API servers speak HTTP/1.1 to webhooks, and some day HTTP/2.
fn acceptor(config: &ServerConfig) -> TlsAcceptor {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, router: Router) {
    // An answer is one small write.
    let _ = stream.set_nodelay(true);
    let stream = match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "no connection for admission came about");
            return;
        }
        Err(_) => return,
    };
    let mut server = Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(PATIENCE));
    let service = TowerToHyperService::new(router);
    let served = server.serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection for admission ended");
    }
}

async fn review(State(answers): State<Arc<Answers>>, body: Bytes) -> Response {
    match answers(&body) {
        Ok(answer) => ([(CONTENT_TYPE, "application/json")], answer).into_response(),
        Err(Malformed(text)) => (StatusCode::BAD_REQUEST, text).into_response(),
    }
}
