//! What has been issued and refused.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::refusal::Reason;

/// Counters. Their text is that of Prometheus.
#[derive(Debug)]
pub struct Metrics {
    issued: AtomicU64,
    refused: Vec<AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            issued: AtomicU64::new(0),
            refused: Reason::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Metrics {
    /// How many certificates have been issued.
    pub fn issued(&self) -> u64 {
        self.issued.load(Ordering::Relaxed)
    }

    /// How many requests have been refused for a reason.
    pub fn refused(&self, reason: Reason) -> u64 {
        self.counter(reason)
            .map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// How many requests have been refused for each of the reasons.
    pub fn refusals(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL
            .iter()
            .map(|reason| (*reason, self.refused(*reason)))
    }

    pub(crate) fn count_issued(&self) {
        self.issued.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_refused(&self, reason: Reason) {
        if let Some(counter) = self.counter(reason) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counter(&self, reason: Reason) -> Option<&AtomicU64> {
        let index = Reason::ALL.iter().position(|other| *other == reason)?;
        self.refused.get(index)
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# TYPE ferromesh_certificates_issued counter")?;
        writeln!(f, "ferromesh_certificates_issued_total {}", self.issued())?;
        writeln!(f, "# TYPE ferromesh_certificates_refused counter")?;
        for (reason, count) in self.refusals() {
            writeln!(
                f,
                "ferromesh_certificates_refused_total{{reason=\"{reason}\"}} {count}"
            )?;
        }
        Ok(())
    }
}
