//! `networking.istio.io` LoadBalancerSettings.

use super::locality_lb::{locality_lb_setting, zone_aware_lb_setting};
use super::schema::{
    Schema, boolean, choice, double, duration, list, may, must, natural, object, string,
};

/// How an instance is chosen.
pub fn load_balancer() -> Schema {
    let simple = choice([
        "UNSPECIFIED",
        "LEAST_CONN",
        "RANDOM",
        "PASSTHROUGH",
        "ROUND_ROBIN",
        "LEAST_REQUEST",
    ]);
    object([
        may(
            "simple",
            "By a simple algorithm; absent = least request.",
            simple,
        ),
        may("consistentHash", "Or by hash.", consistent_hash()),
        may(
            "localityLbSetting",
            "Preference for near instances; absent = that of the mesh.",
            locality_lb_setting(),
        ),
        may(
            "zoneAwareLbSetting",
            "Envoy's zone awareness; not beside localityLbSetting.",
            zone_aware_lb_setting(),
        ),
        may("warmup", "New instances get traffic gradually.", warmup()),
        may("warmupDurationSecs", "Deprecated: warmup.", duration()),
    ])
    .one_of(["simple", "consistentHash"])
}

fn consistent_hash() -> Schema {
    let ring = object([may(
        "minimumRingSize",
        "Least number of points; 0 = 1024.",
        natural(),
    )]);
    let maglev = object([may("tableSize", "Number of slots, a prime.", natural())]);
    object([
        may("httpHeaderName", "Key: a request header.", string()),
        may("httpCookie", "Key: a cookie.", http_cookie()),
        may("useSourceIp", "Key: the client's address.", boolean()),
        may(
            "httpQueryParameterName",
            "Key: a query parameter.",
            string(),
        ),
        may("ringHash", "Algorithm: a ring.", ring),
        may("maglev", "Algorithm: Maglev's table.", maglev),
        may("minimumRingSize", "Deprecated: ringHash.", natural()),
    ])
    .one_of([
        "httpHeaderName",
        "httpCookie",
        "useSourceIp",
        "httpQueryParameterName",
    ])
    .one_of(["ringHash", "maglev"])
}

fn http_cookie() -> Schema {
    let attribute = object([
        must("name", "Name.", string()),
        may("value", "Value; may be empty.", string()),
    ]);
    object([
        must("name", "Name.", string()),
        may("path", "Path of a generated one; empty = none.", string()),
        may(
            "ttl",
            "Life of a generated one, 0s = session; absent = none is generated.",
            string(),
        ),
        may(
            "attributes",
            "Further attributes of a generated one.",
            list(attribute),
        ),
    ])
}

fn warmup() -> Schema {
    object([
        must("duration", "How long.", duration()),
        may(
            "minimumPercent",
            "Least share at the start, in percent; absent = 10.",
            double().at_least(0).at_most(100).nullable(),
        ),
        may(
            "aggression",
            "Speed of the rise; absent = 1, linear.",
            double().at_least(0).nullable(),
        ),
    ])
}
