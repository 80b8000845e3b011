//! Tables of virtual hosts.

use std::time::Duration;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::Message;
use mesh::view::route_table::{RouteTable, TableHosts, TableName};

use super::{References, unknown_hosts, virtual_host};
use crate::{Emitted, Kind, config_source, names};

/// Istio's limit for the bodies of fixed answers; Envoy's default is 4 KiB.
const LARGEST_BODY: u32 = 1024 * 1024;

/// A table whose virtual hosts are separate waits this long for the first of them. Envoy 1.40
/// doesn't take an empty answer for one, so a table that happens to have none would hold up the
/// proxy's start for Envoy's default of 15 s; and one that is used too early sends requests
/// for known hosts to the catch-all.
const FIRST_VIRTUAL_HOST: Duration = Duration::from_secs(2);

/// The table of a view.
///
/// The catch-all is part of the table even if the other virtual hosts are separate: Envoy 1.40
/// merges the two sets (tried with live traffic), and a more specific domain wins. (It would be in the way of fetching
/// virtual hosts on demand, since a request that finds it never waits for another.)
pub(crate) fn emit(view: &RouteTable) -> Emitted {
    let RouteTable {
        name,
        hosts,
        fallback,
    } = view;
    let mut references = References::new();
    let (mut virtual_hosts, vhds) = match hosts {
        TableHosts::Separate => (Vec::new(), Some(vhds())),
        TableHosts::Inline(hosts) => {
            let hosts = hosts
                .iter()
                .map(|host| virtual_host::virtual_host(host, &mut references));
            (hosts.collect(), None)
        }
    };
    if needs_catch_all(name, &virtual_hosts) {
        virtual_hosts.push(unknown_hosts::virtual_host(
            name,
            *fallback,
            &mut references,
        ));
    }
    let table = envoy::route::RouteConfiguration {
        name: names::table(name),
        virtual_hosts,
        vhds,
        validate_clusters: Some(false),
        max_direct_response_body_size_bytes: Some(LARGEST_BODY),
        ignore_port_in_host_matching: ignores_port(name),
        ..Default::default()
    };
    Emitted {
        kind: Kind::Route,
        name: table.name.clone(),
        aliases: Vec::new(),
        body: table.encode_to_vec(),
        refers_to: references.into_iter().collect(),
        eds: None,
    }
}

/// Whether the port of the authority doesn't matter, since the listener has decided it.
pub(super) fn ignores_port(name: &TableName) -> bool {
    match name {
        TableName::Port(_) | TableName::HostPort(..) => true,
        TableName::HttpProxy => false,
    }
}

/// A table for one host answers for every authority. Envoy refuses `*` twice.
fn needs_catch_all(name: &TableName, hosts: &[envoy::route::VirtualHost]) -> bool {
    match name {
        TableName::Port(_) | TableName::HttpProxy => !hosts
            .iter()
            .flat_map(|host| &host.domains)
            .any(|domain| domain == "*"),
        TableName::HostPort(..) => false,
    }
}

fn vhds() -> envoy::route::Vhds {
    envoy::route::Vhds {
        config_source: Some(config_source::ads(FIRST_VIRTUAL_HOST)),
    }
}
