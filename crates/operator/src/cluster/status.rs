//! What became of each object, in its status.
//!
//! The holder of the Lease writes it, through the status subresource only, so that neither spec
//! nor metadata is ever touched, and only where something is different. What others write into a
//! status stays. Nobody fights for it: a status is compared when its object or the remarks on it
//! change, and once by a new holder of the Lease; it is never watched.
//!
//! `Programmed` is about the proxies of all replicas, who are asked when this one's have taken a
//! version, and is final for a generation: proxies that come and go write nothing.
//!
//! Reading order: `document` (JSON), `world`, `ledger` (what is due), `writer` (how it gets there), `answer`,
//! `call` and `peers` (what replicas tell each other), then this file.

mod answer;
mod call;
mod document;
mod ledger;
mod peers;
mod world;
mod writer;

use std::sync::Arc;

use ferromesh_xds_server::Hub;
use futures_util::stream::{self, StreamExt};
use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use super::lease::Leadership;
use super::webhooks::entries::Revision;
use super::{Cluster, Pauses};
use crate::findings::{Findings, Found};
use crate::subjects::Subjects;
use ledger::{Ledger, Round};
pub use peers::Mutual;
use peers::Peers;
use world::{Others, World};
use writer::{Outcome, Writer};

/// So many are written at once.
const AT_ONCE: usize = 8;

/// So many are written before others get their turn, and at most so many within [`TURN`].
const BURST: usize = 100;

/// See [`BURST`].
const TURN: Duration = Duration::from_secs(1);

/// Where statuses come from.
#[derive(Clone, Debug)]
pub struct Reports {
    /// Remarks on objects.
    pub findings: Findings,
    /// The objects.
    pub subjects: Subjects,
    /// What proxies have taken.
    pub hub: Arc<Hub>,
}

impl Reports {
    fn world<'a>(&self, found: &'a Found, others: &'a Others, now: Instant) -> World<'a> {
        let Self {
            findings: _,
            subjects: _,
            hub,
        } = self;
        World {
            found,
            // Refusals are counted before debts are settled.
            debt: hub.oldest_debt(),
            refusals: hub.counts().refusals(),
            streams: hub.open_streams(),
            others,
            now,
        }
    }
}

/// Writes statuses.
pub struct Statuses {
    writer: Writer,
    peers: Peers,
    revision: Revision,
    leadership: watch::Receiver<Leadership>,
    reports: Reports,
}

impl Statuses {
    /// For whoever holds the Lease.
    pub fn new(
        cluster: &Cluster,
        revision: Revision,
        leadership: watch::Receiver<Leadership>,
        reports: Reports,
        mutual: Mutual,
    ) -> Self {
        Self {
            peers: Peers::new(cluster, mutual),
            writer: Writer::new(cluster.client.clone()),
            revision,
            leadership,
            reports,
        }
    }

    /// Writes for ever.
    pub async fn keep(mut self) {
        let mut findings = self.reports.findings.follow();
        let mut ledger = None;
        let mut pauses = Pauses::default();
        let mut next = None;
        loop {
            let until = next.unwrap_or_else(Instant::now);
            let is_alive = tokio::select! {
                changed = self.leadership.changed() => changed.is_ok(),
                changed = findings.changed() => changed.is_ok(),
                () = tokio::time::sleep_until(until), if next.is_some() => true,
            };
            if !is_alive {
                return;
            }
            if *self.leadership.borrow_and_update() == Leadership::Following {
                // Whoever holds the Lease meanwhile may write something else.
                (ledger, next) = (None, None);
                continue;
            }
            let found = Arc::clone(&findings.borrow_and_update());
            match self.step(&mut ledger, &found).await {
                Ok(due) => {
                    next = due;
                    pauses = Pauses::default();
                }
                Err(fault) => {
                    tracing::warn!(fault, "statuses are not as they should be");
                    // Whoever tells something new has reached the API server.
                    tokio::select! {
                        () = pauses.wait() => {}
                        _ = findings.changed() => {}
                    }
                    next = Some(Instant::now());
                }
            }
        }
    }

    /// Writes what is due; returns when something will be.
    async fn step(
        &self,
        ledger: &mut Option<Ledger>,
        found: &Found,
    ) -> Result<Option<Instant>, String> {
        let begun = Instant::now();
        let ledger = match ledger {
            Some(ledger) => ledger,
            None => ledger.insert(self.learn().await?),
        };
        let round = |ledger: &mut Ledger, others: &Others| {
            let world = self.reports.world(found, others, Instant::now());
            let subjects = &self.reports.subjects;
            subjects.read(|objects| ledger.round(objects, &self.revision, &world))
        };
        let mut now = round(ledger, &Others::Unasked);
        if !now.questions.is_empty() {
            let others = self.peers.ask(&now.questions).await;
            now = round(ledger, &others);
        }
        let Round {
            mut due,
            mut next,
            questions: _,
        } = now;
        if due.len() > BURST {
            due.truncate(BURST);
            next = Some(begun + TURN);
        }
        let writes = due.into_iter().map(|due| async {
            let outcome = self.writer.write(&due).await;
            (due, outcome)
        });
        let mut writes = stream::iter(writes).buffer_unordered(AT_ONCE);
        let mut fault = None;
        while let Some((due, outcome)) = writes.next().await {
            match outcome {
                Ok(outcome) => {
                    if outcome == Outcome::Written {
                        tracing::debug!(object = %due.object, "status written");
                    }
                    ledger.done(&due, Instant::now());
                }
                Err(error) => {
                    ledger.failed(&due, Instant::now());
                    fault = Some(format!("{}: {error}", due.object));
                }
            }
        }
        fault.map_or(Ok(next), Err)
    }

    /// What stands there already, so that a new holder of the Lease writes nothing twice.
    async fn learn(&self) -> Result<Ledger, String> {
        let kinds = self.reports.subjects.read(|objects| {
            let kind = |(object, subject): (&Arc<_>, &crate::subjects::Subject)| {
                writer::kind(object, &subject.api_version)
            };
            objects.iter().map(kind).collect()
        });
        let mut ledger = Ledger::default();
        self.writer
            .read(kinds, |object, version, seen| {
                ledger.learn(object, version, seen);
            })
            .await?;
        Ok(ledger)
    }
}
