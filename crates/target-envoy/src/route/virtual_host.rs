//! Virtual hosts.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::Message;
use mesh::view::route_table::TableName;
use mesh::view::virtual_host::VirtualHost;

use super::{References, rule, table};
use crate::{Emitted, Kind, names};

/// The virtual host of a view as a resource of its own. Its alias is mandatory: Envoy finds by
/// it which of the names that it asked for an answer is for. And the host inside must have the
/// resource's name: by that, Envoy 1.40 finds the host which a removed resource leaves behind.
pub(crate) fn emit(view: &VirtualHost) -> Emitted {
    let name = names::virtual_host(&view.table, &view.host, view.port);
    let mut references = References::new();
    let body = envoy::route::VirtualHost {
        name: name.clone(),
        ..virtual_host(view, &mut references)
    };
    Emitted {
        kind: Kind::VirtualHost,
        aliases: vec![name.clone()],
        name,
        body: body.encode_to_vec(),
        refers_to: references.into_iter().collect(),
        eds: None,
    }
}

/// The virtual host of a view.
pub(super) fn virtual_host(
    view: &VirtualHost,
    references: &mut References,
) -> envoy::route::VirtualHost {
    let VirtualHost {
        table,
        host,
        port,
        domains,
        routes,
    } = view;
    envoy::route::VirtualHost {
        name: names::host_port(host, *port),
        domains: self::domains(table, *port, domains),
        routes: routes
            .iter()
            .map(|route| rule::route(view, route, references))
            .collect(),
        include_request_attempt_count: true,
        ..Default::default()
    }
}

/// A table for one host answers for every authority, since its listener is for that host's
/// address only. Where the port of the authority is ignored, names with a port say nothing
/// that the name alone does not.
fn domains(table: &TableName, port: u16, domains: &[Arc<str>]) -> Vec<String> {
    if matches!(table, TableName::HostPort(..)) {
        return vec!["*".to_owned()];
    }
    let all: BTreeSet<&str> = domains.iter().map(|domain| &**domain).collect();
    let with_port = format!(":{port}");
    domains
        .iter()
        .filter(|domain| {
            let bare = domain.strip_suffix(with_port.as_str());
            !(table::ignores_port(table) && bare.is_some_and(|bare| all.contains(bare)))
        })
        .map(ToString::to_string)
        .collect()
}
