//! Names that clients resolve: which, in which order, with which share.

use std::sync::Arc;

use ferromesh_mesh::decl::service::{DnsTarget, Resolution};
use ferromesh_mesh::name::Locality;
use ferromesh_mesh::policy::locality::LocalityPolicy;

use super::show::{check, compile, dns_instances};
use crate::tests::build::*;

/// The names of a DNS entry, given as `name place weight`, for a client in `r1/z1`.
fn resolved(names: &[(&str, &str, u32)], policy: LocalityPolicy) -> Vec<String> {
    let targets = names
        .iter()
        .map(|(address, place, weight)| DnsTarget {
            address: Arc::from(*address),
            ports: Vec::new(),
            labels: labels(""),
            locality: Locality::parse(place),
            weight: *weight,
        })
        .collect();
    let mut dns = policies("a", "dr", "dns.com", &[]);
    dns.policy.all.outlier = Some(outlier());
    dns.policy.all.locality = Some(policy);
    let mut client = pod("a", "client", "10.0.0.9", "");
    client.locality = Some(Locality::parse("r1/z1"));
    let units = [
        service_unit(entry("a", "d", "dns.com", Resolution::Dns(targets))),
        policies_unit(dns),
        workload_unit(client),
    ];
    dns_instances(&compile(&units, proxy("a", "client")))
}

#[test]
fn a_name_in_two_localities_counts_once() {
    let nearest = LocalityPolicy::Nearest {
        failover: Vec::new(),
    };
    // Another name stands between the two in the order of the output.
    let names = [
        ("x.net", "r3/z1", 1),
        ("x.net", "r1/z1", 1),
        ("y.net", "r1/z2", 1),
    ];
    check(
        resolved(&names, nearest),
        &["x.net r1/z1/ p0 w1", "y.net r1/z2/ p1 w1"],
    );
}
