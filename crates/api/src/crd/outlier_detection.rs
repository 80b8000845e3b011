//! `networking.istio.io` OutlierDetection.

use super::schema::{Schema, boolean, duration, int32, list, may, natural, object, uint32};

/// Ejection of failing instances.
pub fn outlier_detection() -> Schema {
    object([
        may(
            "consecutive5xxErrors",
            "Consecutive 5xx until ejection; absent = 5, 0 = off.",
            uint32().nullable(),
        ),
        may(
            "consecutiveGatewayErrors",
            "Consecutive 502, 503, 504 until ejection; 0 = off.",
            uint32().nullable(),
        ),
        may(
            "consecutiveLocalOriginFailures",
            "Consecutive failures before a response until ejection; 0 = 5.",
            uint32().nullable(),
        ),
        may(
            "consecutiveErrors",
            "Deprecated, and without effect.",
            int32(),
        ),
        may(
            "splitExternalLocalOriginErrors",
            "Whether failures before a response are counted apart.",
            boolean(),
        ),
        may("interval", "Time between sweeps; absent = 10s.", duration()),
        may(
            "baseEjectionTime",
            "Ejection lasts this long, times the number of ejections; absent = 30s.",
            duration(),
        ),
        may(
            "maxEjectionPercent",
            "At most this percentage of the instances; 0 = 10.",
            int32(),
        ),
        may(
            "minHealthPercent",
            "With a smaller percentage of healthy instances all get traffic.",
            int32(),
        ),
        may(
            "outlierDetectionHttpErrorCodes",
            "Statuses that count as errors; none = 5xx.",
            list(natural().at_least(100).at_most(599)),
        ),
    ])
}
