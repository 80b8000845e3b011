//! `networking.istio.io` HTTPRetry.

use super::schema::{Schema, boolean, duration, int32, may, object, string};

/// How failed requests are tried again.
pub fn http_retry() -> Schema {
    object([
        may(
            "attempts",
            "Retries, not counting the first try; 0 = none.",
            int32(),
        ),
        may(
            "perTryTimeout",
            "Limit for one try; absent = that of the route.",
            duration(),
        ),
        may(
            "retryOn",
            "Conditions, separated by commas; empty = as the mesh configuration says.",
            string(),
        ),
        may(
            "retryRemoteLocalities",
            "Whether retries may leave the locality of the first try; absent = no.",
            boolean().nullable(),
        ),
        may(
            "retryIgnorePreviousHosts",
            "Whether hosts that were tried already are avoided; absent = yes.",
            boolean().nullable(),
        ),
        may(
            "backoff",
            "Least wait before the first retry; absent = 25ms.",
            duration(),
        ),
    ])
}
