//! One connection.

use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::Phase;

/// How long a client may take for its part of a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a connection may be idle. API servers keep theirs for 90 s: if we closed one first, a
/// review that is on its way would be lost, and its pod refused.
const IDLE: Duration = Duration::from_secs(120);

/// How often an idle HTTP/2 connection is asked whether somebody is there, and for how long.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

pub async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    router: Router,
    mut phase: watch::Receiver<Phase>,
) {
    // An answer is one small write.
    let _ = stream.set_nodelay(true);
    let stream = match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "no connection for admission came about");
            return;
        }
        Err(_) => return,
    };
    let mut server = Builder::new(TokioExecutor::new());
    let mut http1 = server.http1();
    http1.timer(TokioTimer::new()).header_read_timeout(IDLE);
    let mut http2 = server.http2();
    http2
        .timer(TokioTimer::new())
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1);
    let service = TowerToHyperService::new(router);
    let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
    let gone = async move {
        // A server that was dropped is gone, too.
        let _ = phase.wait_for(|phase| *phase == Phase::Gone).await;
    };
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = gone => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection for admission ended");
    }
}
