//! What Istio's admission refuses and warns about between the fields of a ServiceEntry.

use std::collections::BTreeMap;

use ferromesh_api::istio::{self, Resolution};
use ferromesh_mesh::decl::service::ServicePort;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::protocol::Protocol;

use crate::{effect, host};

/// Checks an entry whose sound ports are `ports`.
pub(super) fn check(
    entry: &istio::ServiceEntry,
    ports: &[ServicePort],
    labels: &BTreeMap<String, String>,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) {
    let endpoints = spec.field("endpoints");
    if entry.workload_selector.is_some() && !entry.endpoints.is_empty() {
        effect::conflict(&endpoints, "workloadSelector", remarks);
    }
    check_addresses(entry, spec, remarks);
    check_tcp_without_address(entry, ports, labels, spec, remarks);
    check_hosts_of_tcp(entry, ports, spec, remarks);
    match entry.resolution {
        Resolution::None => {
            if !entry.endpoints.is_empty() {
                effect::conflict(&endpoints, "resolution: NONE", remarks);
            }
            if entry.workload_selector.is_some() {
                let at = spec.field("workloadSelector");
                effect::none(&at, "resolution is NONE", remarks);
            }
        }
        Resolution::Static => {}
        Resolution::Dns => check_dns(entry, ports, spec, remarks),
        Resolution::DnsRoundRobin => {
            check_dns(entry, ports, spec, remarks);
            if entry.endpoints.len() > 1 {
                remarks.error(
                    &endpoints,
                    "conflicting-fields",
                    "resolution: DNS_ROUND_ROBIN has at most one endpoint",
                );
            }
        }
        Resolution::DynamicDns => check_dynamic(entry, ports, spec, remarks),
    }
}

fn check_addresses(entry: &istio::ServiceEntry, spec: &Path<'_>, remarks: &mut Remarks) {
    if matches!(entry.resolution, Resolution::None | Resolution::Static) {
        return;
    }
    let list = spec.field("addresses");
    for (index, address) in entry.addresses.iter().enumerate() {
        if address.contains('/') {
            remarks.error(
                &list.item(index),
                "conflicting-fields",
                "blocks of addresses need resolution: NONE or STATIC",
            );
        }
    }
}

/// Istio allocates addresses by itself unless told otherwise.
fn check_tcp_without_address(
    entry: &istio::ServiceEntry,
    ports: &[ServicePort],
    labels: &BTreeMap<String, String>,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) {
    let refused = labels
        .get("networking.istio.io/enable-autoallocate-ip")
        .is_some_and(|value| value.eq_ignore_ascii_case("false"));
    let allocated = entry.resolution != Resolution::None && !refused;
    let tcp = ports
        .iter()
        .any(|port| matches!(port.protocol, Protocol::Tcp | Protocol::Detect));
    if entry.addresses.is_empty() && !allocated && tcp {
        remarks.warning(
            &spec.field("addresses"),
            "missing-address",
            "ports with TCP (or no protocol) need addresses",
        );
    }
}

/// Hosts of plain TCP can't be told apart.
fn check_hosts_of_tcp(
    entry: &istio::ServiceEntry,
    ports: &[ServicePort],
    spec: &Path<'_>,
    remarks: &mut Remarks,
) {
    if entry.resolution == Resolution::None || entry.hosts.len() < 2 {
        return;
    }
    let told_apart = |port: &ServicePort| {
        port.protocol.is_http() || matches!(port.protocol, Protocol::Https | Protocol::Tls)
    };
    if !ports.iter().all(told_apart) {
        remarks.error(
            &spec.field("hosts"),
            "conflicting-fields",
            "several hosts need ports with HTTP or TLS, or resolution: NONE",
        );
    }
}

fn check_dns(
    entry: &istio::ServiceEntry,
    ports: &[ServicePort],
    spec: &Path<'_>,
    remarks: &mut Remarks,
) {
    let list = spec.field("hosts");
    if entry.endpoints.is_empty() {
        for (index, name) in entry.hosts.iter().enumerate() {
            // What isn't even a pattern has been remarked on.
            if host::check_pattern(name).is_ok() && name != "*" && host::check_name(name).is_err() {
                remarks
                    .error(
                        &list.item(index),
                        "invalid-host",
                        format!("{name:?} can't be resolved by DNS"),
                    )
                    .advise("write endpoints, or resolution: NONE");
            }
        }
    }
    if entry.workload_selector.is_some() {
        remarks.warning(
            &spec.field("workloadSelector"),
            "no-effect-yet",
            "with DNS, only workloads with an IP address are used yet",
        );
    }
    let tcp = ports.iter().any(|port| port.protocol.is_tcp());
    if !entry.addresses.is_empty() && entry.hosts.len() > 1 && tcp {
        remarks.warning(
            &list,
            "several-hosts",
            "with addresses and a TCP port there should be one host",
        );
    }
}

fn check_dynamic(
    entry: &istio::ServiceEntry,
    ports: &[ServicePort],
    spec: &Path<'_>,
    remarks: &mut Remarks,
) {
    let hosts = spec.field("hosts");
    for (index, name) in entry.hosts.iter().enumerate() {
        if !name.starts_with('*') {
            remarks.error(
                &hosts.item(index),
                "invalid-host",
                "resolution: DYNAMIC_DNS needs wildcards",
            );
        }
    }
    for (field, written) in [
        ("addresses", !entry.addresses.is_empty()),
        ("endpoints", !entry.endpoints.is_empty()),
    ] {
        if written {
            effect::conflict(&spec.field(field), "resolution: DYNAMIC_DNS", remarks);
        }
    }
    let supported = |port: &ServicePort| {
        matches!(
            port.protocol,
            Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Tls
        )
    };
    if !ports.iter().all(supported) {
        remarks.error(
            &spec.field("ports"),
            "conflicting-fields",
            "resolution: DYNAMIC_DNS needs HTTP, HTTP2, GRPC or TLS",
        );
    }
}
