//! Which of Envoy's statistics exist, and how their names become labels.
//!
//! Envoy would count hundreds of things per cluster. Here is what Istio's sidecars count, and what tells a person why a
//! request failed: overflows, retries, timeouts, ejections.

use serde_json::{Value, json};

/// Statistics of Envoy itself and of its control plane.
const PREFIXES: [&str; 6] = [
    "cluster_manager",
    "listener_manager",
    "server",
    "cluster.xds-grpc",
    "control_plane",
    "wasmcustom",
];

/// Statistics of clusters, listeners and routes, by the end of their names.
const SUFFIXES: [&str; 31] = [
    // Who is there and what is open.
    "downstream_cx_active",
    "downstream_rq_active",
    "downstream_cx_total",
    "downstream_rq_total",
    "upstream_cx_active",
    "upstream_cx_total",
    "upstream_cx_connect_fail",
    "upstream_rq_active",
    "upstream_rq_pending_active",
    "upstream_rq_total",
    "membership_healthy",
    "membership_total",
    // Circuit breakers.
    "upstream_cx_overflow",
    "upstream_cx_max_requests",
    "upstream_rq_pending_overflow",
    "upstream_rq_retry_overflow",
    // Retries and timeouts.
    "upstream_rq_retry",
    "upstream_rq_retry_success",
    "upstream_rq_retry_limit_exceeded",
    "upstream_rq_timeout",
    "upstream_rq_per_try_timeout",
    "upstream_rq_per_try_idle_timeout",
    // Outlier detection.
    "outlier_detection.ejections_active",
    "outlier_detection.ejections_enforced_total",
    "outlier_detection.ejections_enforced_consecutive_5xx",
    "outlier_detection.ejections_enforced_consecutive_gateway_failure",
    "outlier_detection.ejections_overflow",
    // Authorization and certificates, as Istio does.
    "rbac.allowed",
    "rbac.denied",
    "shadow_allowed",
    "shadow_denied",
];

/// Names of tags and the expressions that cut them out of names of statistics: the first group is cut out, the second is
/// the value. Names of clusters have dots in them, so our control plane marks where they end by `;`, as Istio's does.
const TAGS: [(&str, &str); 9] = [
    ("cluster_name", r"^cluster\.((.+?(?=;)|[^.]+);?\.)"),
    ("tcp_prefix", r"^tcp\.((.+?(?=;)|[^.]+);?\.)"),
    ("response_code", r"_rq(_(\d{3}))$"),
    ("response_code_class", r"_rq(_(\dxx))$"),
    ("http_conn_manager_prefix", r"^http\.((.+?(?=;)|[^.]+);?\.)"),
    (
        "listener_address",
        r"^listener\.((.+?(?=;)|[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*);?\.)",
    ),
    // What policies said, and what those said that are only tried.
    ("authz_enforce_result", r"rbac(\.(allowed|denied))$"),
    (
        "authz_dry_run_action",
        r"(\.istio_dry_run_(allow|deny|audit|custom)_)",
    ),
    ("authz_dry_run_result", r"(\.shadow_(allowed|denied))$"),
];

/// The `stats_config` of the bootstrap.
pub fn config() -> Value {
    let prefixes = PREFIXES.iter().map(|prefix| json!({ "prefix": prefix }));
    let suffixes = SUFFIXES.iter().map(|suffix| json!({ "suffix": suffix }));
    let patterns: Vec<Value> = prefixes.chain(suffixes).collect();
    let tags: Vec<Value> = TAGS
        .iter()
        .map(|(name, regex)| json!({ "tag_name": name, "regex": regex }))
        .collect();
    json!({
        "use_all_default_tags": false,
        "stats_tags": tags,
        "stats_matcher": { "inclusion_list": { "patterns": patterns } },
    })
}
