//! Steady load from a pod while something happens.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use ferromesh_testkit::client::{Protocol, Request, Tally, many};
use ferromesh_testkit::network;

/// So many connections at a time, each of which is used so often and then replaced.
const CONNECTIONS: usize = 4;
const REQUESTS: usize = 40;

/// Each request takes so long, so that the load is steady and the machine can do something else.
const DELAY: &str = "5ms";

/// Load that goes on.
pub struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    worker: JoinHandle<Vec<Tally>>,
}

impl Load {
    /// Sends GET requests to a host from this network, until [`Load::stop`].
    pub fn start(from: PathBuf, to: SocketAddr, host: &str, protocol: Protocol) -> Self {
        let request = Request::get(host, "/").header("x-echo-delay", DELAY);
        let (stop, sent) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&sent));
        let worker = std::thread::spawn(move || {
            network::run_in(&from, async move || {
                let mut tallies = Vec::new();
                while !stopped.load(Ordering::Relaxed) {
                    let request = request.clone();
                    let tally = many(to, protocol, CONNECTIONS, REQUESTS, move |_| {
                        request.clone()
                    });
                    let tally = tally.await;
                    counted.fetch_add(tally.total(), Ordering::Relaxed);
                    tallies.push(tally);
                }
                tallies
            })
        });
        Self { stop, sent, worker }
    }

    /// How many requests there have been so far.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Ends it; none of its requests may have failed.
    ///
    /// # Panics
    /// When one has.
    pub fn stop(self, during: &str) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let tallies = self.worker.join().expect("the load goes on");
        let total: usize = tallies.iter().map(Tally::total).sum();
        let served: usize = tallies.iter().map(|tally| tally.status(200)).sum();
        let failed: Vec<_> = tallies
            .iter()
            .filter(|tally| tally.status(200) < tally.total())
            .map(|tally| (&tally.statuses, &tally.errors))
            .collect();
        assert_eq!(served, total, "{during}: {failed:?}");
        total
    }
}
