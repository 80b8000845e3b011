//! A wire that remembers what has passed through it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The first byte of a connection by TLS: a record of a handshake.
const HANDSHAKE: u8 = 22;

/// What has passed on one connection.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    /// From the client.
    pub there: Vec<u8>,
    /// From the server.
    pub back: Vec<u8>,
}

impl Passed {
    /// Whether both sides began with TLS.
    pub fn is_tls(&self) -> bool {
        [&self.there, &self.back]
            .iter()
            .all(|bytes| bytes.first() == Some(&HANDSHAKE))
    }

    /// Whether a text passed as it is.
    pub fn shows(&self, text: &str) -> bool {
        [&self.there, &self.back].iter().any(|bytes| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        })
    }
}

/// A wire to a server. Dropping it closes all connections through it.
#[derive(Debug)]
pub struct Tap {
    seen: Arc<Mutex<Vec<Passed>>>,
    accepting: JoinHandle<()>,
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Tap {
    /// Hands over connections to the one address to the other.
    ///
    /// # Panics
    /// When the address is taken.
    pub async fn start(at: SocketAddr, to: SocketAddr) -> Self {
        let listener = TcpListener::bind(at)
            .await
            .unwrap_or_else(|error| panic!("{at}: {error}"));
        let seen = Arc::default();
        let accepting = tokio::spawn(accept(listener, to, Arc::clone(&seen)));
        Self { seen, accepting }
    }

    /// What has passed until now, by connection.
    pub fn seen(&self) -> Vec<Passed> {
        lock(&self.seen).clone()
    }
}

fn lock(seen: &Mutex<Vec<Passed>>) -> MutexGuard<'_, Vec<Passed>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, to: SocketAddr, seen: Arc<Mutex<Vec<Passed>>>) {
    let mut wires = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let index = {
            let mut seen = lock(&seen);
            seen.push(Passed::default());
            seen.len() - 1
        };
        let seen = Arc::clone(&seen);
        wires.spawn(async move {
            let Ok(server) = TcpStream::connect(to).await else {
                return;
            };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let note = |bytes: &[u8], is_back: bool| {
                let mut seen = lock(&seen);
                let passed = &mut seen[index];
                if is_back {
                    passed.back.extend_from_slice(bytes);
                } else {
                    passed.there.extend_from_slice(bytes);
                }
            };
            tokio::join!(
                copy(from_client, to_server, |bytes| note(bytes, false)),
                copy(from_server, to_client, |bytes| note(bytes, true)),
            );
        });
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, note: impl Fn(&[u8])) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..length];
        note(bytes);
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
