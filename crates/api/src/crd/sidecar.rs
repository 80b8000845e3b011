//! `networking.istio.io` Sidecar.

use super::connection_pool::connection_pool;
use super::definition::Definition;
use super::destination::destination;
use super::schema::{Presence, Schema, choice, list, may, must, object, string, uint32};
use super::selector::workload_labels;
use super::server_tls::server_tls;
use super::{NETWORKING, TRAFFIC};

/// The kind.
pub fn sidecar() -> Definition {
    Definition {
        group: NETWORKING,
        kind: "Sidecar",
        about: "What proxies may see and how they listen.",
        plural: "sidecars",
        short_names: &[],
        versions: TRAFFIC,
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
            "ingress",
            "Inbound listeners; none = the ports of the services of the workload.",
            list(ingress()),
        ),
        may(
            "egress",
            "Outbound listeners; none = everything visible.",
            list(egress()),
        ),
        may(
            "outboundTrafficPolicy",
            "What happens to unknown traffic; absent = as the mesh configuration says.",
            outbound_traffic_policy(),
        ),
        may(
            "inboundConnectionPool",
            "Limits of connections to the application, for ports without their own.",
            connection_pool(),
        ),
    ])
}

fn ingress() -> Schema {
    object([
        must("port", "The port.", sidecar_port()),
        may(
            "bind",
            "The IP address; empty = the workload's own.",
            string(),
        ),
        may("captureMode", "How traffic gets there.", capture_mode()),
        may(
            "defaultEndpoint",
            "Where the application listens; empty = the same port of the loopback address.",
            string(),
        ),
        may("tls", "TLS by the proxy.", server_tls()),
        may(
            "connectionPool",
            "Limits of connections to the application.",
            connection_pool(),
        ),
    ])
}

fn egress() -> Schema {
    object([
        may(
            "port",
            "The port; absent = the ports of all visible services.",
            sidecar_port(),
        ),
        may(
            "bind",
            "The IP address, or unix:///path; empty = the default.",
            string(),
        ),
        may("captureMode", "How traffic gets there.", capture_mode()),
        must(
            "hosts",
            "Services visible here, as namespace/host.",
            list(string()),
        ),
    ])
}

fn sidecar_port() -> Schema {
    object([
        may(
            "number",
            "Number; 0 only with a Unix domain socket.",
            uint32(),
        ),
        may(
            "protocol",
            "What is spoken; empty = it is detected.",
            string(),
        ),
        may("name", "Name.", string()),
        may("targetPort", "Deprecated, and without effect.", uint32()),
    ])
}

fn capture_mode() -> Schema {
    choice(["DEFAULT", "IPTABLES", "NONE"])
}

fn outbound_traffic_policy() -> Schema {
    object([
        may(
            "mode",
            "Whether it is passed through; absent = REGISTRY_ONLY.",
            choice(["REGISTRY_ONLY", "ALLOW_ANY"]),
        ),
        may(
            "egressProxy",
            "Deprecated, and without effect.",
            destination(),
        ),
    ])
}
