//! Accepts connections.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::calls::Calls;
use crate::connection;
use crate::counters::add;
use crate::denial::Reason;
use crate::handshake::{self, Failed, Gate};
use crate::peer::{Peer, Proof};
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
    /// TLS handshakes at one time. More wait, and no longer than [`Self::patience`] all in all.
    pub handshakes: usize,
    /// TLS connections of one address that have not shown a certificate (yet), at one time. More
    /// are closed at once, so that nobody keeps all others from shaking hands.
    pub nameless_per_address: usize,
    /// Calls at one time, by all connections together.
    pub calls: usize,
    /// Bytes of the message of a call.
    pub call_message: usize,
    /// How long a call may take from its first byte to its last.
    pub call: Duration,
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
            handshakes: 512,
            nameless_per_address: 128,
            calls: 20_000,
            call_message: 32 << 10,
            call: Duration::from_secs(75),
        }
    }
}

/// How connections come.
#[derive(Debug)]
pub enum Transport {
    /// Without encryption, over loopback, where clients are who they say they are. There are no
    /// calls besides the aggregated streams.
    Loopback,
    /// By TLS.
    Tls(Tls),
}

/// What a server needs for TLS.
pub struct Tls {
    /// What it shows and whom it believes, see [`server_config`](crate::server_config). A new
    /// value is in force from the next connection on; those that are there live on.
    pub config: watch::Receiver<Arc<ServerConfig>>,
    /// The calls that are answered.
    pub calls: Arc<dyn Calls>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    transport: Transport,
    gate: Arc<Gate>,
    /// One for each call at one time.
    pub(crate) calls: Arc<Semaphore>,
    pub(crate) plane: PlaneHandle,
    pub(crate) limits: Limits,
    pub(crate) large_messages: Arc<Semaphore>,
    /// Becomes true when streams have to end.
    pub(crate) draining: watch::Receiver<bool>,
}

/// Serves the aggregated discovery service in both variants until `shutdown` is done. Then it
/// accepts no more, ends all streams, and returns when they are closed.
///
/// For [`Transport::Loopback`], the listener must be bound to loopback.
pub async fn serve(
    listener: TcpListener,
    transport: Transport,
    plane: PlaneHandle,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let (drain, draining) = watch::channel(false);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let large_messages = Arc::new(Semaphore::new(limits.large_messages));
    let shared = Arc::new(Shared {
        transport,
        gate: Arc::new(Gate::new(&limits)),
        calls: Arc::new(Semaphore::new(limits.calls)),
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
    address: SocketAddr,
    shared: Arc<Shared>,
    _slot: OwnedSemaphorePermit,
) {
    let served = match &shared.transport {
        Transport::Loopback => {
            let proof = Proof::Loopback;
            connection::serve(socket, Peer { address, proof }, shared).await
        }
        Transport::Tls(tls) => {
            let shaken = handshake::accept(socket, address, tls, &shared.gate, &shared.limits);
            match shaken.await {
                Ok((stream, peer, _seat)) => connection::serve(stream, peer, shared).await,
                Err(failed) => return refused(&failed, address, &shared),
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, peer = %address, "a connection broke");
    }
}

fn refused(failed: &Failed, peer: SocketAddr, shared: &Shared) {
    let Failed { reason, what } = failed;
    add(shared.plane.hub().counters.denied(*reason), 1);
    let reason = reason.word();
    match failed.reason {
        // Anybody can cause them at no cost; the counters tell.
        Reason::HandshakeLate | Reason::HandshakeCrowded | Reason::HandshakeBroken => {
            tracing::debug!(%peer, reason, what, "a TLS handshake failed");
        }
        _ => tracing::warn!(%peer, reason, what, "a client certificate was refused"),
    }
}

impl Shared {
    /// The calls that are answered, if there are any.
    pub(crate) fn answers(&self) -> Option<&Arc<dyn Calls>> {
        match &self.transport {
            Transport::Loopback => None,
            Transport::Tls(tls) => Some(&tls.calls),
        }
    }
}
