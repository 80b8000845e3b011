//! Names that clients resolve: which, in which order, with which share.

use std::sync::Arc;

use ferromesh_mesh::decl::service::{DnsTarget, Resolution};
use ferromesh_mesh::name::Locality;
use ferromesh_mesh::policy::locality::{Distribution, LocalityPolicy};

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

#[test]
fn names_divide_the_share_of_their_place() {
    let shares = |to: &[(&str, u32)]| {
        LocalityPolicy::Distribute(vec![Distribution {
            from: Arc::from("r1/*"),
            to: to
                .iter()
                .map(|(place, share)| (Arc::from(*place), *share))
                .collect(),
        }])
    };
    // `w4` counts once, and the heavier one gets more.
    let names = [
        ("e.net", "east/z1", 7),
        ("w1.net", "west/z1", 2),
        ("w2.net", "west/z2", 1),
        ("w3.net", "west/z1", 1),
        ("w4.net", "west/z1", 1),
        ("w4.net", "west/z2", 1),
        ("n.net", "north/z1", 1),
    ];
    check(
        resolved(&names, shares(&[("east/*", 80), ("west/*", 20)])),
        &[
            "e.net east/z1/ p0 w80000000",
            "w1.net west/z1/ p0 w8000000",
            "w2.net west/z2/ p0 w4000000",
            "w3.net west/z1/ p0 w4000000",
            "w4.net west/z1/ p0 w4000000",
        ],
    );
    // The first pattern counts, and a share of nothing is none.
    check(
        resolved(
            &names[..3],
            shares(&[("east/*", 0), ("west/z1", 1), ("west/*", 99)]),
        ),
        &[
            "w1.net west/z1/ p0 w1000000",
            "w2.net west/z2/ p0 w99000000",
        ],
    );
}
