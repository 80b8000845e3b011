//! `networking.istio.io` WorkloadEntry, which is also an endpoint of a ServiceEntry and the
//! template of a WorkloadGroup.

use super::definition::{AGE, Column, Definition, column};
use super::schema::{Presence, Schema, map, may, object, port, string, uint32};
use super::{NETWORKING, TRAFFIC};

/// The kind.
pub fn workload_entry() -> Definition {
    const COLUMNS: &[Column] = &[AGE, column("Address", ".spec.address", "Where it is.")];
    Definition {
        group: NETWORKING,
        kind: "WorkloadEntry",
        about: "Something that runs outside of Kubernetes.",
        plural: "workloadentries",
        short_names: &["we"],
        versions: TRAFFIC,
        columns: COLUMNS,
        presence: Presence::Required,
        spec: workload_entry_spec(),
    }
}

/// The `spec`, also an endpoint of a ServiceEntry.
pub fn workload_entry_spec() -> Schema {
    workload_template().rule(
        "an address is needed, unless there is a network",
        "has(self.address) || has(self.network)",
    )
}

/// The same, whose address may be filled in later.
pub fn workload_template() -> Schema {
    object([
        may(
            "address",
            "IP address, DNS name or unix:///path; may be absent only with a network.",
            address(),
        ),
        may(
            "ports",
            "Ports that differ from those of the service, by port name.",
            ports(),
        ),
        may("labels", "Labels.", map(string()).max_keys(256)),
        may(
            "network",
            "Network; empty = the default one.",
            string().up_to(2048),
        ),
        may(
            "locality",
            "As region/zone/subzone; empty = unknown.",
            string().up_to(2048),
        ),
        may(
            "weight",
            "Weight among the instances of a service; 0 = 1.",
            uint32(),
        ),
        may(
            "serviceAccount",
            "The service account that it runs as; empty = none.",
            string().up_to(253),
        ),
    ])
    .rule(
        "a Unix domain socket has no ports",
        "!(has(self.address) && self.address.startsWith('unix://') && has(self.ports))",
    )
}

fn address() -> Schema {
    string()
        .up_to(256)
        .rule(
            "a Unix domain socket is an absolute path or an abstract name (@)",
            "!self.startsWith('unix://') || self.startsWith('unix:///') \
             || self.startsWith('unix://@')",
        )
        .rule(
            "a Unix domain socket is no directory",
            "!(self.startsWith('unix://') && self.endsWith('/'))",
        )
}

fn ports() -> Schema {
    map(port()).max_keys(128).rule(
        "a port's name is 1 to 62 letters, digits and inner dashes",
        "self.all(name, name.matches('^[a-zA-Z0-9]([-a-zA-Z0-9]{0,60}[a-zA-Z0-9])?$'))",
    )
}
