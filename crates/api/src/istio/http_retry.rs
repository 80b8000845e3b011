//! `networking.istio.io` HTTPRetry, of VirtualService and of the mesh configuration.

use serde::Deserialize;

/// How failed requests are tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRetry {
    /// Retries, not counting the first try; 0 = none.
    pub attempts: i32,
    /// Limit for one try, a duration of at least 1 ms; absent = that of the route.
    pub per_try_timeout: Option<String>,
    /// Conditions, separated by commas; absent or empty = Istio's default.
    pub retry_on: String,
    /// Whether retries may leave the locality of the first try; absent = no.
    pub retry_remote_localities: Option<bool>,
    /// Whether hosts that were tried already are avoided; absent = yes.
    pub retry_ignore_previous_hosts: Option<bool>,
    /// Least wait before the first retry, a duration of at least 1 ms; absent = 25 ms.
    pub backoff: Option<String>,
}
