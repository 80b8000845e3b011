//! Accepting connections of every kind.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Connection, Instance, Kind, OpenConnection, http, tcp};

/// Accepts until it is aborted, which closes all of its connections too, or until the instance ends; then it returns
/// when the last of them is closed.
pub(super) async fn accept(listener: TcpListener, kind: Kind, instance: Arc<Instance>) {
    let mut connections = JoinSet::new();
    let mut ending = instance.ending.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = ending.wait_for(|ending| *ending) => break,
        };
        match accepted {
            Ok((stream, client)) => {
                connections.spawn(serve(stream, client.ip(), kind, Arc::clone(&instance)));
            }
            // Out of file descriptors, most likely: others will be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, client: IpAddr, kind: Kind, instance: Arc<Instance>) {
    let open = OpenConnection::count(&instance);
    let _ = stream.set_nodelay(true);
    let kind = match kind {
        Kind::Mixed => mixed(&stream).await,
        Kind::Http | Kind::Tcp | Kind::Banner => kind,
    };
    match kind {
        Kind::Tcp => tcp::serve(stream, None).await,
        Kind::Banner => tcp::serve(stream, Some(&instance.name)).await,
        Kind::Http | Kind::Mixed => {
            let connection = Connection {
                number: open.number,
                client,
            };
            serve_http(stream, &instance, connection).await;
        }
    }
    drop(open);
}

/// Serves a connection; when the instance ends, until its requests are answered.
async fn serve_http(stream: TcpStream, instance: &Arc<Instance>, connection: Connection) {
    let mut ending: watch::Receiver<bool> = instance.ending.subscribe();
    let service = service_fn(|request| http::answer(request, Arc::clone(instance), connection));
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut served = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    // A fault that was ordered ends the connection by an error, as does a client that breaks off.
    tokio::select! {
        _ = served.as_mut() => return,
        _ = ending.wait_for(|ending| *ending) => served.as_mut().graceful_shutdown(),
    }
    let _ = served.await;
}

/// What a client speaks, by its first byte.
async fn mixed(stream: &TcpStream) -> Kind {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1) if first.iter().all(u8::is_ascii_uppercase) => Kind::Http,
        _ => Kind::Tcp,
    }
}
