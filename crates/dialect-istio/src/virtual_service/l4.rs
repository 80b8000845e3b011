//! `tls` and `tcp`: checked as a whole, but without effect yet.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ferromesh_api as api;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::path::Path;
use ipnet::IpNet;

use super::Scope;
use super::gateways::{self, Binding};
use super::hosts::{self, Patterns};
use super::{destination, weight};
use crate::{faults, host, port, selector};

/// Checks the rules for TLS in the list at the path `at`.
pub(super) fn check_tls(
    rules: &[api::part::Part<api::istio::TlsRoute>],
    hosts: &[String],
    scope: &Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let hosts = Patterns::new(hosts);
    for (index, part) in rules.iter().enumerate() {
        let at = at.item(index);
        let Some(rule) = faults::read_part(part, &at, remarks) else {
            continue;
        };
        let api::istio::TlsRoute { matches, route } = rule;
        if matches.is_empty() {
            remarks.error(&at, "missing-field", "a TLS rule must have a match");
        }
        let list_at = at.field("match");
        for (index, matches) in matches.iter().enumerate() {
            check_tls_match(
                matches,
                &hosts,
                scope.binding,
                &list_at.item(index),
                remarks,
            );
        }
        check_destinations(&route, scope.namespace, &at, remarks);
    }
    warn(rules.is_empty(), at, remarks);
}

/// Checks the rules for other connections in the list at the path `at`.
pub(super) fn check_tcp(
    rules: &[api::part::Part<api::istio::TcpRoute>],
    scope: &Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    for (index, part) in rules.iter().enumerate() {
        let at = at.item(index);
        let Some(rule) = faults::read_part(part, &at, remarks) else {
            continue;
        };
        let api::istio::TcpRoute { matches, route } = rule;
        let list_at = at.field("match");
        for (index, matches) in matches.iter().enumerate() {
            let api::istio::L4Match {
                destination_subnets,
                source_subnet: _,
                port,
                source_labels,
                source_namespace: _,
                gateways,
            } = matches;
            let at = list_at.item(index);
            check_subnets(destination_subnets, &at, remarks);
            check_source(*port, source_labels, gateways, &at, remarks);
        }
        check_destinations(&route, scope.namespace, &at, remarks);
    }
    warn(rules.is_empty(), at, remarks);
}

fn warn(is_empty: bool, at: &Path<'_>, remarks: &mut Remarks) {
    if !is_empty {
        remarks.warning(at, "no-effect-yet", "has no effect yet");
    }
}

fn check_tls_match(
    matches: &api::istio::TlsMatch,
    hosts: &Patterns<'_>,
    binding: Binding,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let api::istio::TlsMatch {
        sni_hosts,
        destination_subnets,
        port,
        source_labels,
        source_namespace: _,
        gateways,
    } = matches;
    let list_at = at.field("sniHosts");
    if sni_hosts.is_empty() {
        remarks.error(
            &list_at,
            "missing-field",
            "a TLS match must have an SNI host",
        );
    }
    for (index, sni) in sni_hosts.iter().enumerate() {
        let at = list_at.item(index);
        if host::is_address(sni) {
            remarks.warning(
                &at,
                "address-as-sni",
                format!("no client sends an address such as {sni:?} as SNI"),
            );
        } else if let Err(message) = hosts::check(sni, binding == Binding::Gateways) {
            remarks.error(&at, "invalid-host", message);
        } else if !hosts.cover(sni) {
            remarks.error(
                &at,
                "invalid-host",
                format!("none of spec.hosts covers the SNI host {sni:?}"),
            );
        }
    }
    check_subnets(destination_subnets, at, remarks);
    check_source(*port, source_labels, gateways, at, remarks);
}

fn check_subnets(subnets: &[String], at: &Path<'_>, remarks: &mut Remarks) {
    let at = at.field("destinationSubnets");
    for (index, subnet) in subnets.iter().enumerate() {
        if subnet.parse::<IpNet>().is_err() && subnet.parse::<IpAddr>().is_err() {
            remarks.error(
                &at.item(index),
                "invalid-subnet",
                format!("{subnet:?} is neither a CIDR block nor an address"),
            );
        }
    }
}

fn check_source(
    number: u32,
    source_labels: &BTreeMap<String, String>,
    gateways: &[String],
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    if number != 0 {
        port::lower(number, &at.field("port"), remarks);
    }
    selector::lower_labels(source_labels, &at.field("sourceLabels"), remarks);
    gateways::check(gateways, &at.field("gateways"), remarks);
}

fn check_destinations(
    route: &[api::istio::RouteDestination],
    namespace: &Namespace,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let at = at.field("route");
    if route.is_empty() {
        remarks.error(&at, "missing-field", "a rule must have a route");
    }
    let weights: Vec<i32> = route.iter().map(|backend| backend.weight).collect();
    weight::lower(&weights, &at, remarks);
    for (index, backend) in route.iter().enumerate() {
        let api::istio::RouteDestination {
            destination,
            weight: _,
        } = backend;
        let at = at.item(index);
        destination::lower(destination, namespace, &at.field("destination"), remarks);
    }
}
