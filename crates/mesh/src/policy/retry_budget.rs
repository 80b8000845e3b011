//! A limit on retries as a share of the requests.

use std::time::Duration;

/// At most a share of the active requests may be retries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RetryBudget {
    /// The share, in thousandths of a percent (20 % = 20 000).
    pub millipercent: u32,
    /// Retries that are always allowed at once.
    pub min_concurrency: u32,
    /// The window over which requests are counted; `None` = only those in flight.
    pub interval: Option<Duration>,
}
