//! Accepts connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::connection;
use crate::counters::add;
use crate::plane::PlaneHandle;

/// What clients may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at one time. More are closed at once.
    pub connections: usize,
    /// Streams on one connection at one time.
    pub streams: u32,
    /// Bytes of a request message.
    pub message: usize,
    /// How many request messages above 80 KiB are read at one time, by all streams together.
    pub large_messages: usize,
    /// How long a connection may take to open its first stream, a stream to state its node, and
    /// a large message to arrive.
    pub patience: Duration,
    /// How long a client may refuse to read what it has asked for.
    pub stall: Duration,
    /// How often a client is pinged; it has the same time to answer.
    pub ping: Duration,
    /// How long streams may take to end on shutdown.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            streams: 16,
            message: 4 << 20,
            large_messages: 16,
            patience: Duration::from_secs(20),
            stall: Duration::from_secs(30),
            ping: Duration::from_secs(30),
            drain: Duration::from_secs(5),
        }
    }
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) plane: PlaneHandle,
    pub(crate) limits: Limits,
    pub(crate) large_messages: Arc<Semaphore>,
    /// Becomes true when streams have to end.
    pub(crate) draining: watch::Receiver<bool>,
}

/// Serves the aggregated discovery service in both variants until `shutdown` is done. Then it
/// accepts no more, ends all streams, and returns when they are closed.
///
/// The listener must be bound to loopback: clients are who they say they are.
pub async fn serve(
    listener: TcpListener,
    plane: PlaneHandle,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let (drain, draining) = watch::channel(false);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let large_messages = Arc::new(Semaphore::new(limits.large_messages));
    let shared = Arc::new(Shared {
        plane,
        limits,
        large_messages,
        draining,
    });
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => accept(socket, peer, &shared, &slots, &mut connections),
                Err(error) => {
                    // Out of file descriptors, or a client that is gone already.
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    // Nobody receives if there are no connections.
    let _ = drain.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(shared.limits.drain, all)
        .await
        .is_err()
    {
        tracing::warn!(
            open = connections.len(),
            "clients did not let their streams end in time"
        );
        connections.shutdown().await;
    }
}

fn accept(
    socket: TcpStream,
    peer: SocketAddr,
    shared: &Arc<Shared>,
    slots: &Arc<Semaphore>,
    connections: &mut JoinSet<()>,
) {
    let counters = &shared.plane.hub().counters;
    let Ok(slot) = Arc::clone(slots).try_acquire_owned() else {
        add(&counters.turned_away, 1);
        return;
    };
    add(&counters.connections, 1);
    // Without it, a small response could wait for the ACK of the one before.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, %peer, "a client was gone before it was served");
        return;
    }
    connections.spawn(run(socket, peer, Arc::clone(shared), slot));
}

async fn run(
    socket: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    _slot: OwnedSemaphorePermit,
) {
    if let Err(error) = connection::serve(socket, peer, shared).await {
        tracing::debug!(%error, %peer, "a connection broke");
    }
}
