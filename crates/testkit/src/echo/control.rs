//! What an instance can be told over HTTP, on any of its ports, by whoever runs a test or the demo.
//!
//! | request | effect |
//! |---|---|
//! | `PUT /_echo/fault?fail=503` or `?fail=reset`, `?delay=2s`, or both | all further requests fail so |
//! | `DELETE /_echo/fault` | none does |
//! | `GET /_echo/counters` | what it has seen, as JSON |
//! | `DELETE /_echo/counters` | forgets it |
//! | `GET /_echo/metrics` | the same for Prometheus |

use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode, Uri};
use serde_json::{Value, json};

use super::order::{Failing, duration, failing, query};
use super::{Counters, Instance};

/// The paths that control an instance begin with this.
pub(super) const PREFIX: &str = "/_echo/";

/// Where Prometheus finds what it has seen.
pub(super) const METRICS: &str = "/_echo/metrics";

/// What it has seen, in Prometheus' words.
pub(super) fn metrics(instance: &Arc<Instance>) -> String {
    let Counters { requests, .. } = instance.state().counters;
    format!("# TYPE echo_requests_total counter\necho_requests_total {requests}\n")
}

/// How all requests fail.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Fault {
    /// The failure, if it isn't only a delay.
    pub fail: Option<Failing>,
    /// What every request waits before.
    pub delay: Duration,
}

/// Answers a request to a controlling path.
pub(super) fn answer(instance: &Arc<Instance>, method: &Method, uri: &Uri) -> (StatusCode, Value) {
    let mut state = instance.state();
    match (method, uri.path().strip_prefix(PREFIX)) {
        (&Method::PUT, Some("fault")) => match fault(uri.query()) {
            Some(fault) => state.fault = Some(fault),
            None => {
                return (
                    StatusCode::BAD_REQUEST,
                    json!({ "error": "expected fail=STATUS|reset or delay=2s" }),
                );
            }
        },
        (&Method::DELETE, Some("fault")) => state.fault = None,
        (&Method::GET, Some("counters")) => {}
        (&Method::DELETE, Some("counters")) => state.forget(),
        _ => {
            return (
                StatusCode::NOT_FOUND,
                json!({ "error": "there are fault and counters" }),
            );
        }
    }
    let Counters {
        requests,
        active,
        most_active,
        connections,
        open,
        most_open,
    } = state.counters;
    let counters = json!({
        "instance": instance.name, "faulty": state.fault.is_some(), "requests": requests, "active": active,
        "mostActive": most_active, "connections": connections, "open": open, "mostOpen": most_open,
    });
    (StatusCode::OK, counters)
}

fn fault(given: Option<&str>) -> Option<Fault> {
    let fail = query(given, "fail").map(failing);
    let delay = query(given, "delay").map(duration);
    if fail.is_none() && delay.is_none() {
        return None;
    }
    Some(Fault {
        fail: fail.map_or(Some(None), |fail| fail.map(Some))?,
        delay: delay.unwrap_or(Some(Duration::ZERO))?,
    })
}
