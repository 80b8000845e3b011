//! HTTPRetry, of VirtualService and of the mesh configuration.

use std::time::Duration;

use ferromesh_api as api;
use ferromesh_mesh::closest::closest;
use ferromesh_mesh::decl::http_routes::Retry;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::retry::{CONDITIONS, PreviousHosts, RetryOn, RetryPolicy};

use crate::{duration, effect};

const CODE: &str = "invalid-retry";
const STATUS_CODES: &str = "retriable-status-codes";

/// Istio's retries where nothing is configured.
pub fn default_policy() -> RetryPolicy {
    RetryPolicy {
        attempts: 2,
        per_try_timeout: None,
        on: default_on(),
        backoff: None,
        previous_hosts: PreviousHosts::AvoidUnlessHashed,
        remote_localities: false,
    }
}

fn default_on() -> RetryOn {
    RetryOn {
        conditions: vec![
            "connect-failure",
            "refused-stream",
            "unavailable",
            "cancelled",
            STATUS_CODES,
        ],
        status_codes: Vec::new(),
    }
}

/// Lowers retries that stand at the path `at`; never [`Retry::MeshDefault`]. Unsound parts are
/// errors and count as not written.
pub fn lower(retry: &api::istio::HttpRetry, at: &Path<'_>, remarks: &mut Remarks) -> Retry {
    let api::istio::HttpRetry {
        attempts,
        per_try_timeout,
        retry_on,
        retry_remote_localities,
        retry_ignore_previous_hosts,
        backoff,
    } = retry;
    let policy = RetryPolicy {
        attempts: lower_attempts(retry, at, remarks),
        per_try_timeout: lower_duration(per_try_timeout, &at.field("perTryTimeout"), remarks),
        on: lower_on(retry_on, &at.field("retryOn"), remarks),
        backoff: lower_duration(backoff, &at.field("backoff"), remarks),
        previous_hosts: match retry_ignore_previous_hosts {
            Some(true) => PreviousHosts::Avoid,
            Some(false) => PreviousHosts::Reuse,
            None => PreviousHosts::AvoidUnlessHashed,
        },
        remote_localities: retry_remote_localities.unwrap_or(false),
    };
    if *attempts > 0 {
        Retry::Policy(policy)
    } else {
        Retry::Off
    }
}

fn lower_attempts(retry: &api::istio::HttpRetry, at: &Path<'_>, remarks: &mut Remarks) -> u32 {
    let at = at.field("attempts");
    let Ok(attempts) = u32::try_from(retry.attempts) else {
        remarks.error(&at, CODE, "attempts must not be negative");
        return 0;
    };
    let says_more = retry.per_try_timeout.is_some()
        || !retry.retry_on.is_empty()
        || retry.retry_remote_localities.is_some();
    if attempts == 0 && says_more {
        remarks
            .error(
                &at,
                CODE,
                "0 attempts turn retries off, but a policy is configured",
            )
            .advise("set attempts, or leave out the rest");
    } else if attempts == 0
        && (retry.backoff.is_some() || retry.retry_ignore_previous_hosts.is_some())
    {
        effect::none(
            &at,
            "0 attempts turn retries off, whatever else is written",
            remarks,
        );
    }
    attempts
}

fn lower_duration(text: &Option<String>, at: &Path<'_>, remarks: &mut Remarks) -> Option<Duration> {
    text.as_deref()
        .and_then(|text| duration::lower_millis(text, at, remarks))
}

/// Lowers `retryOn`: conditions and status codes, separated by commas; empty = Istio's default.
fn lower_on(text: &str, at: &Path<'_>, remarks: &mut Remarks) -> RetryOn {
    if text.is_empty() {
        return default_on();
    }
    let mut on = RetryOn {
        conditions: Vec::new(),
        status_codes: Vec::new(),
    };
    for word in text.split(',') {
        if let Some(condition) = CONDITIONS.iter().find(|known| **known == word) {
            on.conditions.push(condition);
        } else if let Some(status) = lower_status(word) {
            on.status_codes.push(status);
        } else {
            let message = format!("unknown condition {word:?}");
            let remark = remarks.error(at, CODE, message);
            if word.trim() != word || word.is_empty() {
                remark.advise("separate conditions by a comma only, without spaces");
            } else if let Some(meant) = closest(word, CONDITIONS.iter().copied()) {
                remark.advise(format!("did you mean {meant:?}?"));
            } else {
                remark.advise("write names of Envoy's retry conditions, or HTTP status codes");
            }
        }
    }
    if !on.status_codes.is_empty() && !on.conditions.contains(&STATUS_CODES) {
        on.conditions.push(STATUS_CODES);
    }
    on
}

/// An HTTP status code that has a name, as Istio requires.
fn lower_status(word: &str) -> Option<u16> {
    let status = word.parse().ok()?;
    let named = matches!(
        status,
        100..=103
            | 200..=208
            | 226
            | 300..=305
            | 307
            | 308
            | 400..=418
            | 421..=426
            | 428
            | 429
            | 431
            | 451
            | 500..=508
            | 510
            | 511
    );
    named.then_some(status)
}
