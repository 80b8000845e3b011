//! What is wrong with the manifests, told once: in the log when it appears and when it is gone.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ferromesh_kube_source::batch::SourceFault;
use ferromesh_kube_source::report::{Places, Record, Texts, locate};
use ferromesh_mesh::diagnostic::Severity;
use ferromesh_xds_server::PlaneHandle;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::findings::{Findings, Found};
use crate::subjects::Subjects;

/// A burst of edits is one report.
const PAUSE: Duration = Duration::from_millis(50);
/// At most one part in so many of the time is spent on reports, which look at the whole world.
const SHARE: u32 = 20;
/// But whoever waits for an answer to an edit does not wait longer than this.
const MOST_PAUSE: Duration = Duration::from_secs(2);
/// What proxies do can be a reason for a report, too; it is looked at so often.
const LOOK: Duration = Duration::from_secs(1);
/// So many findings of one report are logged; all of them are at `/debug/diagnostics`.
const MOST_LINES: usize = 200;

/// Tells the reporter that there is a reason to look.
#[derive(Clone, Debug)]
pub struct News(watch::Sender<Vec<SourceFault>>);

impl Default for News {
    fn default() -> Self {
        Self(watch::Sender::new(Vec::new()))
    }
}

impl News {
    /// Something has changed; these are all faults of files.
    pub fn tell(&self, faults: Vec<SourceFault>) {
        self.0.send_replace(faults);
    }

    /// Something has changed that is in no file.
    pub fn again(&self) {
        self.0.send_modify(|_| {});
    }
}

/// Compares what is wrong now with what was wrong before.
pub struct Reporter {
    findings: Findings,
    plane: PlaneHandle,
    places: Arc<Mutex<Places>>,
    subjects: Subjects,
    news: News,
}

/// What proxies have done that may be a reason for a report.
type Doings = (usize, u64);

impl Reporter {
    /// Nothing is reported yet.
    pub fn new(
        findings: Findings,
        plane: PlaneHandle,
        (places, subjects): (Arc<Mutex<Places>>, Subjects),
    ) -> Self {
        Self {
            findings,
            plane,
            places,
            subjects,
            news: News::default(),
        }
    }

    /// The way to wake the reporter.
    pub fn news(&self) -> News {
        self.news.clone()
    }

    /// Reports for ever.
    pub async fn run(self) {
        let mut news = self.news.0.subscribe();
        let mut doings = self.doings();
        loop {
            let woken = tokio::time::timeout(LOOK, news.changed()).await;
            let now = self.doings();
            if woken.is_err() && now == doings {
                continue;
            }
            doings = now;
            // The wait for the compile loop is no work of ours.
            let begun = self.plane.inspect(|_, _| Instant::now()).await;
            let begun = begun.unwrap_or_else(Instant::now);
            let faults = news.borrow_and_update().clone();
            self.report(faults).await;
            let took = begun.elapsed();
            tracing::debug!(took_ms = took.as_secs_f64() * 1e3, "reported");
            let pause = took.saturating_mul(SHARE).clamp(PAUSE, MOST_PAUSE);
            tokio::time::sleep(pause).await;
        }
    }

    fn doings(&self) -> Doings {
        let hub = self.plane.hub();
        (hub.open_streams(), hub.counts().refusals())
    }

    async fn report(&self, faults: Vec<SourceFault>) {
        let epoch = self.subjects.epoch();
        let (_, refusals) = self.doings();
        let diagnostics = self.plane.diagnostics().await;
        let refused = self.plane.inspect(|acceptance, _| {
            let refused = acceptance.refused();
            refused
                .map(|(object, kept)| (object.clone(), kept))
                .collect::<Vec<_>>()
        });
        let refused = refused.await.unwrap_or_default();
        let addressed = self
            .places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .address(diagnostics);
        // Reads files.
        let located =
            tokio::task::spawn_blocking(move || locate(addressed, &faults, &Texts::new()));
        let Ok(records) = located.await else { return };
        let after: BTreeSet<_> = records.into_iter().collect();
        let found = self.findings.get();
        let before = &found.records;
        for record in before.difference(&after).take(MOST_LINES) {
            tracing::info!("no more: {record}");
        }
        let new: Vec<_> = after.difference(before).collect();
        for record in new.iter().take(MOST_LINES) {
            log(record);
        }
        if new.len() > MOST_LINES {
            tracing::warn!(
                more = new.len() - MOST_LINES,
                "further findings are at /debug/diagnostics"
            );
        }
        self.findings.set(Found {
            records: after,
            refused,
            epoch,
            refusals,
        });
    }
}

/// One finding in the log, with its parts as fields.
fn log(record: &Record) {
    let Record {
        file,
        line,
        diagnostic,
        api_version: _,
    } = record;
    let object = diagnostic
        .object
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let (path, code) = (&*diagnostic.path, diagnostic.code);
    let hint = diagnostic.hint.as_deref().unwrap_or_default();
    let message = &diagnostic.message;
    match diagnostic.severity {
        Severity::Error => tracing::error!(file, line, object, path, code, hint, "{message}"),
        Severity::Warning => tracing::warn!(file, line, object, path, code, hint, "{message}"),
        Severity::Info => tracing::info!(file, line, object, path, code, hint, "{message}"),
    }
}
