//! `networking.istio.io` WorkloadGroup.

use super::definition::{AGE, Definition};
use super::schema::{Presence, Schema, int32, list, map, may, must, object, port, string};
use super::workload_entry::workload_template;
use super::{NETWORKING, TRAFFIC};

/// The kind.
pub fn workload_group() -> Definition {
    Definition {
        group: NETWORKING,
        kind: "WorkloadGroup",
        about: "A group of workloads outside of Kubernetes.",
        plural: "workloadgroups",
        short_names: &["wg"],
        versions: TRAFFIC,
        columns: &[AGE],
        presence: Presence::Required,
        spec: spec(),
    }
}

fn spec() -> Schema {
    let metadata = object([
        may("labels", "Labels.", map(string()).max_keys(256)),
        may("annotations", "Annotations.", map(string()).max_keys(256)),
    ]);
    object([
        may("metadata", "Metadata of the entries.", metadata),
        must(
            "template",
            "What the entries have in common.",
            workload_template(),
        ),
        may("probe", "How readiness is probed.", probe()),
    ])
}

fn probe() -> Schema {
    let count = || int32().at_least(0);
    object([
        may(
            "initialDelaySeconds",
            "Wait before the first probe.",
            count(),
        ),
        may("timeoutSeconds", "Limit for an answer; 0 = 1.", count()),
        may("periodSeconds", "Time between probes; 0 = 10.", count()),
        may(
            "successThreshold",
            "Successes until it is ready; 0 = 1.",
            count(),
        ),
        may(
            "failureThreshold",
            "Failures until it is not; 0 = 3.",
            count(),
        ),
        may("httpGet", "By an HTTP request.", http_get()),
        may("tcpSocket", "Or by a connection.", tcp_socket()),
        may("exec", "Or by a command.", exec()),
        may("grpc", "Or by gRPC's health protocol.", grpc()),
    ])
    .one_of(["httpGet", "tcpSocket", "exec", "grpc"])
}

fn http_get() -> Schema {
    let header = object([
        may("name", "Name.", string().pattern("^[-_A-Za-z0-9]+$")),
        may("value", "Value.", string()),
    ]);
    let scheme = string().rule(
        "the scheme is HTTP or HTTPS",
        "self in ['', 'HTTP', 'HTTPS']",
    );
    object([
        may("path", "Path.", string()),
        must("port", "Port.", port()),
        may("host", "Host; empty = the workload.", string()),
        may("scheme", "Scheme; empty = HTTP.", scheme),
        may("httpHeaders", "Headers.", list(header)),
    ])
}

fn tcp_socket() -> Schema {
    object([
        may("host", "Host; empty = the workload.", string()),
        must("port", "Port.", port()),
    ])
}

fn exec() -> Schema {
    object([must(
        "command",
        "The command and its arguments; status 0 = ready.",
        list(string().not_empty()),
    )])
}

fn grpc() -> Schema {
    object([
        may("port", "Port.", port()),
        may("service", "The service to ask for; empty = all.", string()),
    ])
}
