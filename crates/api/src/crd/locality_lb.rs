//! `networking.istio.io` LocalityLoadBalancerSetting and ZoneAwareLoadBalancerSetting.

use super::schema::{Schema, boolean, list, map, may, object, string, uint32};

/// Preference for near instances.
pub fn locality_lb_setting() -> Schema {
    let distribute = object([
        may(
            "from",
            "Clients: region/zone/subzone, * for any rest.",
            string(),
        ),
        may(
            "to",
            "Percentage by locality; the sum is 100.",
            map(uint32()),
        ),
    ]);
    object([
        may("distribute", "Fixed shares.", list(distribute)),
        may(
            "failover",
            "Which region takes over from which.",
            list(failover()),
        ),
        may(
            "failoverPriority",
            "Labels that rank instances, as key or key=value.",
            list(string()),
        ),
        may(
            "enabled",
            "Whether locality counts; absent = yes.",
            boolean().nullable(),
        ),
    ])
}

/// Envoy's zone awareness.
pub fn zone_aware_lb_setting() -> Schema {
    object([
        may(
            "failover",
            "Which region takes over from which.",
            list(failover()),
        ),
        may(
            "failoverPriority",
            "Labels that rank instances, as key or key=value.",
            list(string()),
        ),
        may(
            "enabled",
            "Whether zones count; absent = yes.",
            boolean().nullable(),
        ),
        may(
            "minClusterSize",
            "Fewer instances are used without regard to zones.",
            uint32().at_least(1).nullable(),
        ),
    ])
}

fn failover() -> Schema {
    object([
        may("from", "The region that fails.", string()),
        may("to", "The region that takes over.", string()),
    ])
}
