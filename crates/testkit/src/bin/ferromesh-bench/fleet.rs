//! Many clients that behave like Envoy, and when each of them has what it waits for.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ferromesh_testkit::fake_envoy::{FakeEnvoy, node};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::world::address;

/// A resource has arrived at a client and been acknowledged.
struct Arrival {
    client: usize,
    name: String,
    at: Instant,
}

/// Clients, each in a task of its own.
pub struct Fleet {
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    stop: tokio::sync::watch::Sender<bool>,
    tasks: JoinSet<io::Result<(usize, FakeEnvoy)>>,
    size: usize,
}

/// How long anything may take before the run is broken.
const PATIENCE: Duration = Duration::from_secs(120);

impl Fleet {
    /// Connects `size` clients of a namespace.
    pub async fn connect(server: SocketAddr, namespace: &str, size: usize) -> io::Result<Self> {
        let mut clients = Vec::with_capacity(size);
        for number in 0..size {
            let node = node(
                namespace,
                &format!("proxy-{number}"),
                &address(namespace, number),
            );
            clients.push(FakeEnvoy::connect(server, node).await?);
        }
        Ok(Self::run(clients))
    }

    fn run(clients: Vec<FakeEnvoy>) -> Self {
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let size = clients.len();
        let mut tasks = JoinSet::new();
        for (number, mut client) in clients.into_iter().enumerate() {
            let arrived = arrived.clone();
            let mut stopped = stopped.clone();
            tasks.spawn(async move {
                loop {
                    tokio::select! {
                        received = client.next() => {
                            let Some(received) = received? else {
                                return Err(io::Error::other("the server ended a stream"));
                            };
                            let at = Instant::now();
                            for (name, _) in received.resources {
                                let _ = arrived.send(Arrival { client: number, name, at });
                            }
                        }
                        _ = stopped.changed() => return Ok((number, client)),
                    }
                }
            });
        }
        Self {
            arrivals,
            stop,
            tasks,
            size,
        }
    }

    /// Waits until every client has received this resource (again), and returns when each of
    /// them had it, since `start`, sorted.
    pub async fn wait(&mut self, name: &str, start: Instant) -> io::Result<Vec<Duration>> {
        let mut seen = vec![false; self.size];
        let mut times = Vec::with_capacity(self.size);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while times.len() < self.size {
            let arrival = tokio::select! {
                arrival = self.arrivals.recv() => arrival,
                Some(ended) = self.tasks.join_next() => {
                    return Err(match ended {
                        Ok(Err(error)) => error,
                        _ => io::Error::other("a client ended"),
                    });
                }
                () = tokio::time::sleep_until(deadline) => {
                    return Err(io::Error::other(format!(
                        "{} of {} clients have {name}", times.len(), self.size
                    )));
                }
            };
            let Some(arrival) = arrival else {
                return Err(io::Error::other("all clients have ended"));
            };
            if arrival.name == name && arrival.at >= start && !seen[arrival.client] {
                seen[arrival.client] = true;
                times.push(arrival.at.duration_since(start));
            }
        }
        times.sort();
        Ok(times)
    }

    /// Waits until nothing has arrived at any client for a while.
    pub async fn settle(&mut self) {
        while let Ok(Some(_)) =
            tokio::time::timeout(Duration::from_millis(500), self.arrivals.recv()).await
        {}
    }

    /// Stops all clients and returns them, connected.
    pub async fn stop(mut self) -> io::Result<Vec<FakeEnvoy>> {
        let _ = self.stop.send(true);
        let mut clients = Vec::with_capacity(self.size);
        while let Some(client) = self.tasks.join_next().await {
            clients.push(client.map_err(io::Error::other)??);
        }
        clients.sort_by_key(|(number, _)| *number);
        Ok(clients.into_iter().map(|(_, client)| client).collect())
    }

    /// Connects again with what these clients hold.
    pub async fn resume(
        server: SocketAddr,
        namespace: &str,
        clients: Vec<FakeEnvoy>,
    ) -> io::Result<Self> {
        let mut again = Vec::with_capacity(clients.len());
        for (number, client) in clients.into_iter().enumerate() {
            let node = node(
                namespace,
                &format!("proxy-{number}"),
                &address(namespace, number),
            );
            again.push(FakeEnvoy::resume(server, node, client.into_held()).await?);
        }
        Ok(Self::run(again))
    }

    /// Continues with these clients.
    pub fn proceed(clients: Vec<FakeEnvoy>) -> Self {
        Self::run(clients)
    }
}
