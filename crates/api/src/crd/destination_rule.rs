//! `networking.istio.io` DestinationRule.

use super::client_tls::client_tls;
use super::connection_pool::connection_pool;
use super::definition::{AGE, Column, Definition, column};
use super::destination::port_selector;
use super::load_balancer::load_balancer;
use super::outlier_detection::outlier_detection;
use super::schema::{
    Presence, Schema, choice, double, list, map, may, must, object, string, uint32,
};
use super::selector::match_labels;
use super::{NETWORKING, TRAFFIC};

/// The kind.
pub fn destination_rule() -> Definition {
    const COLUMNS: &[Column] = &[column("Host", ".spec.host", "The host."), AGE];
    Definition {
        group: NETWORKING,
        kind: "DestinationRule",
        about: "How a host is talked to.",
        plural: "destinationrules",
        short_names: &["dr"],
        versions: TRAFFIC,
        columns: COLUMNS,
        presence: Presence::Optional,
        spec: spec(),
    }
}

fn spec() -> Schema {
    object([
        must(
            "host",
            "The host, perhaps a short name or a wildcard.",
            string(),
        ),
        may(
            "trafficPolicy",
            "The policy for all subsets.",
            traffic_policy(),
        ),
        may("subsets", "Subsets.", list(subset())),
        may(
            "exportTo",
            "Namespaces that see it; none = as the mesh configuration says.",
            list(string()),
        ),
        may(
            "workloadSelector",
            "Clients that it is for; absent = all.",
            match_labels(),
        ),
    ])
}

fn subset() -> Schema {
    object([
        must("name", "Name.", string()),
        may(
            "labels",
            "Labels of the instances; none = all instances.",
            map(string()),
        ),
        may(
            "trafficPolicy",
            "What differs from the policy for all subsets.",
            traffic_policy(),
        ),
    ])
}

fn traffic_policy() -> Schema {
    object([
        may("loadBalancer", "Choice of an instance.", load_balancer()),
        may(
            "connectionPool",
            "Limits of connections and requests.",
            connection_pool(),
        ),
        may(
            "outlierDetection",
            "Ejection of failing instances.",
            outlier_detection(),
        ),
        may("tls", "TLS towards instances.", client_tls()),
        may(
            "portLevelSettings",
            "Exceptions by port, which inherit nothing.",
            list(port_traffic_policy()).max_items(4096),
        ),
        may(
            "tunnel",
            "Tunnelling of connections through the host.",
            tunnel(),
        ),
        may(
            "proxyProtocol",
            "PROXY protocol towards instances.",
            proxy_protocol(),
        ),
        may("retryBudget", "Limit of retries at once.", retry_budget()),
    ])
}

fn port_traffic_policy() -> Schema {
    object([
        may("port", "The port.", port_selector()),
        may("loadBalancer", "Choice of an instance.", load_balancer()),
        may(
            "connectionPool",
            "Limits of connections and requests.",
            connection_pool(),
        ),
        may(
            "outlierDetection",
            "Ejection of failing instances.",
            outlier_detection(),
        ),
        may("tls", "TLS towards instances.", client_tls()),
    ])
}

fn tunnel() -> Schema {
    object([
        may("protocol", "CONNECT or POST; empty = CONNECT.", string()),
        must("targetHost", "Where the tunnel ends.", string()),
        must("targetPort", "Its port.", uint32()),
    ])
}

fn proxy_protocol() -> Schema {
    object([may(
        "version",
        "Text (V1) or binary (V2); absent = V1.",
        choice(["V1", "V2"]),
    )])
}

fn retry_budget() -> Schema {
    object([
        may(
            "percent",
            "Share of the active requests that may be retries; absent = 20.",
            double().at_least(0).at_most(100).nullable(),
        ),
        may(
            "minRetryConcurrency",
            "Retries that are always allowed at once; 0 = 3.",
            uint32(),
        ),
        may(
            "budgetInterval",
            "Time over which requests are counted; absent = only those in flight.",
            string(),
        ),
    ])
}
