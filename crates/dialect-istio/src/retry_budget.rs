//! A limit on retries as a share of the requests.

use ferromesh_api::istio;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::retry_budget::RetryBudget;

use crate::{bounds, duration};

/// Istio's defaults: 20 %, and 3 retries.
const MILLIPERCENT: u32 = 20_000;
const MIN_CONCURRENCY: u32 = 3;

/// A retry budget at the path `at`.
pub fn lower(budget: &istio::RetryBudget, at: &Path<'_>, remarks: &mut Remarks) -> RetryBudget {
    let istio::RetryBudget {
        percent,
        min_retry_concurrency,
        budget_interval,
    } = budget;
    RetryBudget {
        millipercent: percent
            .and_then(|percent| bounds::millipercent(percent, &at.field("percent"), remarks))
            .unwrap_or(MILLIPERCENT),
        min_concurrency: match *min_retry_concurrency {
            0 => MIN_CONCURRENCY,
            retries => retries,
        },
        interval: budget_interval
            .as_deref()
            .and_then(|text| duration::lower(text, &at.field("budgetInterval"), remarks))
            .filter(|interval| !interval.is_zero()),
    }
}
