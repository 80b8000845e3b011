//! What became of each object, in its status.
//!
//! The holder of the Lease writes it, through the status subresource only, so that neither spec
//! nor metadata is ever touched, and only where something is different. What others write into a
//! status stays. Nobody fights for it: a status is compared when its object or the remarks on it
//! change, and once by a new holder of the Lease; it is never watched.
//!
//! `Programmed` is about the proxies of this replica, and is final for a generation: proxies that
//! come and go write nothing.
//!
//! Reading order: `document` (JSON), `ledger` (what is due), `writer` (how it gets there), then
//! this file.

mod document;
mod ledger;
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
use ledger::{Ledger, Round, World};
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

/// Writes statuses.
pub struct Statuses {
    writer: Writer,
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
    ) -> Self {
        Self {
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
                    pauses.wait().await;
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
        let Reports {
            findings: _,
            subjects,
            hub,
        } = &self.reports;
        let world = World {
            found,
            debt: hub.oldest_debt(),
            refusals: hub.counts().refusals(),
            streams: hub.open_streams(),
            now: Instant::now(),
        };
        let Round { mut due, mut next } =
            subjects.read(|objects| ledger.round(objects, &self.revision, &world));
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
                Err(error) => fault = Some(format!("{}: {error}", due.object)),
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
