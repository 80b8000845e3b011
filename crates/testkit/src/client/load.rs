//! Many requests at once, and what became of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Answer, Connection, Protocol, Request};

/// What became of many requests.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many answers had which status.
    pub statuses: BTreeMap<u16, usize>,
    /// How many answers came from which instance.
    pub instances: BTreeMap<String, usize>,
    /// The requests without an answer, by error.
    pub errors: BTreeMap<String, usize>,
}

impl Tally {
    /// Adds one outcome.
    pub fn add(&mut self, outcome: &Result<Answer, String>) {
        match outcome {
            Ok(answer) => {
                *self.statuses.entry(answer.status.as_u16()).or_default() += 1;
                if !answer.instance().is_empty() {
                    *self
                        .instances
                        .entry(answer.instance().to_owned())
                        .or_default() += 1;
                }
            }
            Err(error) => *self.errors.entry(error.clone()).or_default() += 1,
        }
    }

    /// How many answers had this status.
    pub fn status(&self, status: u16) -> usize {
        self.statuses.get(&status).copied().unwrap_or(0)
    }

    /// How many answers came from this instance.
    pub fn instance(&self, name: &str) -> usize {
        self.instances.get(name).copied().unwrap_or(0)
    }

    /// How many requests there were.
    pub fn total(&self) -> usize {
        self.statuses.values().sum::<usize>() + self.errors.values().sum::<usize>()
    }

    fn merge(&mut self, other: Self) {
        let Self {
            statuses,
            instances,
            errors,
        } = other;
        statuses
            .into_iter()
            .for_each(|(status, count)| *self.statuses.entry(status).or_default() += count);
        instances
            .into_iter()
            .for_each(|(name, count)| *self.instances.entry(name).or_default() += count);
        errors
            .into_iter()
            .for_each(|(error, count)| *self.errors.entry(error).or_default() += count);
    }
}

/// Sends `count` requests over `connections` connections, each of which is used again and again (and replaced when the
/// server closes it), and tells what became of them. `request` makes the one with the given number.
pub async fn many(
    to: SocketAddr,
    protocol: Protocol,
    connections: usize,
    count: usize,
    request: impl Fn(usize) -> Request + Send + Sync + 'static,
) -> Tally {
    let (request, next) = (Arc::new(request), Arc::new(AtomicUsize::new(0)));
    let workers: Vec<_> = (0..connections)
        .map(|_| {
            let (request, next) = (Arc::clone(&request), Arc::clone(&next));
            tokio::spawn(async move {
                let mut tally = Tally::default();
                let mut connection = None;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return tally;
                    }
                    tally.add(&send(&mut connection, to, protocol, request(number)).await);
                }
            })
        })
        .collect();
    let mut all = Tally::default();
    for worker in workers {
        all.merge(worker.await.expect("a worker does not panic"));
    }
    all
}

/// Sends on the open connection or on a new one.
async fn send(
    connection: &mut Option<Connection>,
    to: SocketAddr,
    protocol: Protocol,
    request: Request,
) -> Result<Answer, String> {
    let mut open = match connection.take().filter(Connection::is_open) {
        Some(open) => open,
        None => Connection::open(to, protocol).await?,
    };
    let answer = open.send(request).await?;
    // A server that says so is about to close: a request that is sent now would be lost, by no fault of the mesh.
    if !answer.header("connection").eq_ignore_ascii_case("close") {
        *connection = Some(open);
    }
    Ok(answer)
}
