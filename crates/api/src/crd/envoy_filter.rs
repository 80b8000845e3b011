//! `networking.istio.io` EnvoyFilter.

use super::NETWORKING;
use super::definition::{Definition, only};
use super::schema::{
    Presence, Schema, anything, choice, int32, list, map, may, object, port, string, uint32,
};
use super::selector::{policy_targets, workload_labels};

/// The kind.
pub fn envoy_filter() -> Definition {
    Definition {
        group: NETWORKING,
        kind: "EnvoyFilter",
        about: "Changes the configuration of proxies.",
        plural: "envoyfilters",
        short_names: &[],
        versions: only(&["v1alpha3"]),
        columns: &[],
        presence: Presence::Optional,
        spec: spec(),
    }
}

fn spec() -> Schema {
    object([
        may(
            "workloadSelector",
            "Which proxies it is for; absent = all of the namespace.",
            workload_labels(),
        ),
        may(
            "targetRefs",
            "Or gateways and services behind waypoints.",
            policy_targets(),
        ),
        may("configPatches", "Changes, in turn.", list(config_patch())),
        may(
            "priority",
            "Smaller ones are applied first; absent = 0.",
            int32(),
        ),
    ])
    .exclusive(["workloadSelector", "targetRefs"])
}

fn config_patch() -> Schema {
    let apply_to = choice([
        "INVALID",
        "LISTENER",
        "FILTER_CHAIN",
        "NETWORK_FILTER",
        "HTTP_FILTER",
        "ROUTE_CONFIGURATION",
        "VIRTUAL_HOST",
        "HTTP_ROUTE",
        "CLUSTER",
        "EXTENSION_CONFIG",
        "BOOTSTRAP",
        "LISTENER_FILTER",
    ]);
    object([
        may("applyTo", "What is changed.", apply_to),
        may("match", "Which of them; absent = all.", config_match()),
        may("patch", "How.", patch()),
    ])
}

fn config_match() -> Schema {
    let context = choice([
        "ANY",
        "SIDECAR_INBOUND",
        "SIDECAR_OUTBOUND",
        "GATEWAY",
        "WAYPOINT",
    ]);
    object([
        may(
            "context",
            "Of which proxies and direction; absent = ANY.",
            context,
        ),
        may("proxy", "Of which proxies.", proxy()),
        may("listener", "In which listener.", listener()),
        may(
            "routeConfiguration",
            "In which routes.",
            route_configuration(),
        ),
        may("cluster", "Which cluster.", cluster()),
        may("waypoint", "Where in a waypoint.", waypoint()),
    ])
    .one_of(["listener", "routeConfiguration", "cluster", "waypoint"])
    .rule(
        "waypoint goes with context WAYPOINT, and only with it",
        "has(self.waypoint) == (has(self.context) && self.context == 'WAYPOINT')",
    )
}

fn proxy() -> Schema {
    object([
        may(
            "proxyVersion",
            "An expression in RE2 syntax for the version.",
            string(),
        ),
        may(
            "metadata",
            "Metadata that the proxy must have.",
            map(string()),
        ),
    ])
}

fn listener() -> Schema {
    object([
        may("name", "Its name.", string()),
        may("portNumber", "Its port.", uint32()),
        may("portName", "Without effect.", string()),
        may("filterChain", "Which filter chain.", filter_chain()),
        may("listenerFilter", "Which listener filter.", string()),
    ])
}

fn filter_chain() -> Schema {
    object([
        may("name", "Its name.", string()),
        may("sni", "The server name that it matches.", string()),
        may(
            "transportProtocol",
            "The transport that it matches.",
            string(),
        ),
        may(
            "applicationProtocols",
            "The application protocols that it matches, separated by commas.",
            string(),
        ),
        may("destinationPort", "The port that it matches.", uint32()),
        may("filter", "Which network filter.", filter()),
    ])
}

fn filter() -> Schema {
    object([
        may("name", "Its name.", string()),
        may("subFilter", "Which HTTP filter in it.", named()),
    ])
}

fn named() -> Schema {
    object([may("name", "Its name.", string())])
}

fn route_configuration() -> Schema {
    let action = choice(["ANY", "ROUTE", "REDIRECT", "DIRECT_RESPONSE"]);
    let route = object([
        may("name", "Its name.", string()),
        may("action", "What it does; absent = ANY.", action),
    ]);
    let vhost = object([
        may("name", "Its name.", string()),
        may("domainName", "One of its domains.", string()),
        may("route", "Which route.", route),
    ]);
    object([
        may("name", "Its name.", string()),
        may("portNumber", "The port that it is for.", uint32()),
        may("portName", "The name of that port.", string()),
        may(
            "gateway",
            "The Gateway that it is for, as namespace/name.",
            string(),
        ),
        may("vhost", "Which virtual host.", vhost),
    ])
}

fn cluster() -> Schema {
    object([
        may("name", "Its name.", string()),
        may("service", "The host that it is for.", string()),
        may("subset", "The subset that it is for.", string()),
        may("portNumber", "The port that it is for.", uint32()),
    ])
}

fn waypoint() -> Schema {
    object([
        may("portNumber", "The port of the service.", port()),
        may("filter", "Which network filter.", filter()),
        may("route", "Which route.", named()),
    ])
}

fn patch() -> Schema {
    let operation = choice([
        "INVALID",
        "MERGE",
        "ADD",
        "REMOVE",
        "INSERT_BEFORE",
        "INSERT_AFTER",
        "INSERT_FIRST",
        "REPLACE",
        "MERGE_AND_REPLACE_LIST",
    ]);
    object([
        may("operation", "What is done.", operation),
        may("value", "Envoy's configuration.", anything()),
        may(
            "filterClass",
            "Where a filter is inserted, if not by its neighbour.",
            choice(["UNSPECIFIED", "AUTHN", "AUTHZ", "STATS"]),
        ),
    ])
}
