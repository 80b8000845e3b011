//! `networking.istio.io` ServiceEntry.

use super::definition::{AGE, Column, Definition, column};
use super::schema::{Presence, Schema, choice, list, may, must, object, port, string};
use super::selector::workload_labels;
use super::workload_entry::workload_entry_spec;
use super::{NETWORKING, TRAFFIC};

/// The kind.
pub fn service_entry() -> Definition {
    const COLUMNS: &[Column] = &[
        column("Hosts", ".spec.hosts", "Its names."),
        column(
            "Location",
            ".spec.location",
            "Whether it is outside of the mesh.",
        ),
        column(
            "Resolution",
            ".spec.resolution",
            "How its instances are found.",
        ),
        AGE,
    ];
    Definition {
        group: NETWORKING,
        kind: "ServiceEntry",
        about: "A name that Kubernetes does not know.",
        plural: "serviceentries",
        short_names: &["se"],
        versions: TRAFFIC,
        columns: COLUMNS,
        presence: Presence::Required,
        spec: spec(),
    }
}

fn spec() -> Schema {
    let host = string().rule(
        "a host can't be * alone: write a domain, such as *.example.com",
        "self != '*'",
    );
    let object = object([
        must(
            "hosts",
            "DNS names, perhaps wildcards.",
            list(host).some_items().max_items(256),
        ),
        may(
            "addresses",
            "Virtual addresses, or blocks of them.",
            list(string().up_to(64)).max_items(256),
        ),
        may("ports", "Ports.", ports()),
        may(
            "location",
            "Whether it is outside of the mesh; absent = MESH_EXTERNAL.",
            choice(["MESH_EXTERNAL", "MESH_INTERNAL"]),
        ),
        may(
            "resolution",
            "How its instances are found; absent = NONE, the address that the client asked for.",
            choice(["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"]),
        ),
        may(
            "endpoints",
            "Its instances; not beside workloadSelector.",
            list(workload_entry_spec()).max_items(4096),
        ),
        may(
            "workloadSelector",
            "Workloads of the namespace that are its instances.",
            workload_labels(),
        ),
        may(
            "exportTo",
            "Namespaces that see it; none = as the mesh configuration says.",
            list(string()),
        ),
        may(
            "subjectAltNames",
            "Names that the instances' certificates must have one of.",
            list(string()),
        ),
    ]);
    by_resolution(object.exclusive(["workloadSelector", "endpoints"]))
}

fn by_resolution(object: Schema) -> Schema {
    object
        .rule(
            "blocks of addresses need resolution NONE or STATIC",
            "!has(self.addresses) || !has(self.resolution) || self.resolution in ['NONE', 'STATIC'] \
             || !self.addresses.exists(address, address.contains('/'))",
        )
        .rule(
            "endpoints need a resolution other than NONE, such as STATIC",
            "!has(self.endpoints) || (has(self.resolution) && self.resolution != 'NONE')",
        )
        .rule(
            "resolution DNS_ROUND_ROBIN takes one endpoint at most",
            "!has(self.resolution) || self.resolution != 'DNS_ROUND_ROBIN' \
             || !has(self.endpoints) || self.endpoints.size() <= 1",
        )
}

fn ports() -> Schema {
    let item = object([
        must("number", "Number.", port()),
        may(
            "protocol",
            "What is spoken; empty = it is detected.",
            string().up_to(256),
        ),
        must("name", "Name.", string().up_to(256)),
        may(
            "targetPort",
            "Port of the instances; absent = number.",
            port(),
        ),
    ]);
    list(item).max_items(256).keyed_by("name").rule(
        "each port's number may be there only once",
        "self.all(port, self.exists_one(other, other.number == port.number))",
    )
}
