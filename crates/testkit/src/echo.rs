//! The application behind a proxy in tests and in the demo: it tells what it received and who it is, and fails on request.
//!
//! One instance serves any number of ports: HTTP/1.1 and HTTP/2 without TLS (requests, gRPC, WebSockets), plain TCP that
//! comes back, and TCP where the server speaks first. What a request can ask for is described at [`order`], what an
//! instance can be told at [`control`].

mod connection;
pub mod control;
mod drip;
mod grpc;
mod http;
pub mod order;
mod tcp;
#[cfg(test)]
mod tests;
mod websocket;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use control::Fault;

/// How many keys are remembered.
const MOST_KEYS: usize = 100_000;

/// What an instance has seen since its start, or since it was told to forget.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Requests, WebSockets included; not those to `/_echo/`.
    pub requests: u64,
    /// Requests that are being served now.
    pub active: u64,
    /// The most requests that were being served at the same time.
    pub most_active: u64,
    /// Connections of any kind.
    pub connections: u64,
    /// Connections that are open now.
    pub open: u64,
    /// The most connections that were open at the same time.
    pub most_open: u64,
}

/// The kinds of port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// HTTP/1.1 and HTTP/2.
    Http,
    /// TCP: what comes in goes out.
    Tcp,
    /// TCP: the server says `instance NAME` and a line break first, then as [`Kind::Tcp`].
    Banner,
    /// As [`Kind::Http`] for a client whose first byte is a capital letter, as [`Kind::Tcp`] for others.
    Mixed,
}

/// A running instance. Dropping it closes its ports and connections.
#[derive(Debug)]
pub struct Echo {
    instance: Arc<Instance>,
    listeners: Vec<JoinHandle<()>>,
}

impl Echo {
    /// An instance without ports.
    pub fn new(name: &str) -> Self {
        let instance = Instance {
            name: name.to_owned(),
            state: Mutex::default(),
            ending: watch::channel(false).0,
        };
        Self {
            instance: Arc::new(instance),
            listeners: Vec::new(),
        }
    }

    /// Serves one more port; 0 lets the system choose. Returns the address with the chosen port.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub async fn listen(&mut self, kind: Kind, address: SocketAddr) -> io::Result<SocketAddr> {
        self.accept(kind, TcpListener::bind(address).await?)
    }

    /// Serves a port that is listened on already, perhaps in another network namespace. Returns its address.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn serve(&mut self, kind: Kind, listener: std::net::TcpListener) -> io::Result<SocketAddr> {
        listener.set_nonblocking(true)?;
        self.accept(kind, TcpListener::from_std(listener)?)
    }

    fn accept(&mut self, kind: Kind, listener: TcpListener) -> io::Result<SocketAddr> {
        let chosen = listener.local_addr()?;
        let instance = Arc::clone(&self.instance);
        self.listeners
            .push(tokio::spawn(connection::accept(listener, kind, instance)));
        Ok(chosen)
    }

    /// What it has seen.
    pub fn counters(&self) -> Counters {
        self.instance.state().counters
    }

    /// How many requests came with this key (`x-echo-key`).
    pub fn requests_of(&self, key: &str) -> u64 {
        self.instance.state().by_key.get(key).copied().unwrap_or(0)
    }

    /// Makes all further requests fail, or none.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.instance.state().fault = fault;
    }

    /// Ends as a server should: nothing new is accepted, what is being served is answered, and clients are told to go.
    pub async fn end(mut self) {
        self.instance.ending.send_replace(true);
        for listener in std::mem::take(&mut self.listeners) {
            let _ = listener.await;
        }
    }

    /// Forgets what it has seen, except what is open.
    pub fn forget(&self) {
        self.instance.state().forget();
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

/// What all connections of an instance share.
#[derive(Debug)]
struct Instance {
    name: String,
    state: Mutex<State>,
    ending: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    counters: Counters,
    by_key: BTreeMap<String, u64>,
    fault: Option<Fault>,
}

impl State {
    /// Counts a request under its key, and says how many there were.
    fn count_key(&mut self, key: String) -> u64 {
        // Nobody asks for so many keys in one test, and the demo runs for days.
        if self.by_key.len() >= MOST_KEYS {
            self.by_key.clear();
        }
        let count = self.by_key.entry(key).or_default();
        *count += 1;
        *count
    }

    fn forget(&mut self) {
        let Counters { active, open, .. } = self.counters;
        self.counters = Counters {
            active,
            most_active: active,
            open,
            most_open: open,
            ..Counters::default()
        };
        self.by_key.clear();
    }
}

impl Instance {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a connection from its creation until it is dropped.
#[derive(Debug)]
struct OpenConnection {
    instance: Arc<Instance>,
    /// Counted from 1.
    number: u64,
}

/// A connection as requests on it tell of it.
#[derive(Clone, Copy, Debug)]
struct Connection {
    /// Counted from 1.
    number: u64,
    /// Who has opened it.
    client: IpAddr,
}

impl OpenConnection {
    fn count(instance: &Arc<Instance>) -> Self {
        let counters = &mut instance.state().counters;
        counters.connections += 1;
        counters.open += 1;
        counters.most_open = counters.most_open.max(counters.open);
        Self {
            instance: Arc::clone(instance),
            number: counters.connections,
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.instance.state().counters.open -= 1;
    }
}

/// Counts a request from its creation until it is dropped.
#[derive(Debug)]
struct ActiveRequest(Arc<Instance>);

impl ActiveRequest {
    fn count(instance: &Arc<Instance>) -> Self {
        let counters = &mut instance.state().counters;
        counters.requests += 1;
        counters.active += 1;
        counters.most_active = counters.most_active.max(counters.active);
        Self(Arc::clone(instance))
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.state().counters.active -= 1;
    }
}
