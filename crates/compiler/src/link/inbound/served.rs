//! The ports of the services that select a workload, or those of its Sidecar.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_mesh::decl::service::Service;
use ferromesh_mesh::decl::sidecar::{AppEndpoint, CaptureMode, Sidecar};
use ferromesh_mesh::decl::workload::Workload;
use ferromesh_mesh::origin::Origin;
use ferromesh_mesh::policy::connection_pool::ConnectionPool;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::view::listener::InboundTraffic;

use super::Site;
use crate::index::ServiceRank;
use crate::index::reading::Reading;
use crate::link::ports;
use crate::proxy::Proxy;
use crate::question::pairs;

/// A port that is served.
pub(super) struct Served {
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    pub(super) label: Arc<str>,
    pub(super) bind: Option<IpAddr>,
    pub(super) is_bound: bool,
    pub(super) app: AppEndpoint,
    pub(super) is_declared: bool,
    pub(super) pool: Option<ConnectionPool>,
    pub(super) origin: Origin,
}

/// What is served at a site.
pub(super) fn at(site: &Site<'_>, reading: &mut Reading<'_>) -> Vec<Served> {
    let Site {
        proxy,
        workload,
        sidecar,
        families: _,
        scope: _,
    } = *site;
    let services = workload.map_or_else(BTreeMap::new, |w| implemented(w, reading));
    match sidecar {
        Some(sidecar) if !sidecar.ingress.is_empty() => of_sidecar(sidecar, &services, proxy),
        _ => {
            let pool = sidecar.and_then(|sidecar| sidecar.inbound_pool.clone());
            workload.map_or_else(Vec::new, |w| of_services(w, &services, pool.as_ref()))
        }
    }
}

/// What is spoken on the ports of the services of a workload; `None` if a Sidecar of its namespace
/// may say something else.
pub(crate) fn traffic_by_port(
    workload: &Workload,
    reading: &mut Reading<'_>,
) -> Option<BTreeMap<u16, InboundTraffic>> {
    let mut sidecars = reading.sidecars(&workload.name.namespace);
    if sidecars.any(|(_, sidecar)| !sidecar.ingress.is_empty()) {
        return None;
    }
    let services = implemented(workload, reading);
    let ports = of_services(workload, &services, None);
    let spoken = ports
        .iter()
        .map(|served| (served.port, traffic(served.protocol)));
    Some(spoken.collect())
}

/// The services that a workload implements, by precedence.
fn implemented(
    workload: &Workload,
    reading: &mut Reading<'_>,
) -> BTreeMap<ServiceRank, Arc<Service>> {
    let mut found = BTreeMap::new();
    for pair in pairs(&workload.labels) {
        for (rank, service) in reading.selecting(&workload.name.namespace, pair) {
            let selector = service.selector.as_ref();
            if selector.is_some_and(|selector| selector.selects(&workload.labels)) {
                found.insert(rank.clone(), service.clone());
            }
        }
    }
    found
}

/// The ports of services; the first service that has a port says what is spoken there.
fn of_services(
    workload: &Workload,
    services: &BTreeMap<ServiceRank, Arc<Service>>,
    pool: Option<&ConnectionPool>,
) -> Vec<Served> {
    let mut served = BTreeMap::new();
    for service in services.values() {
        for port in service.ports.iter().filter(|p| p.protocol != Protocol::Udp) {
            let Some(number) = ports::of_workload(workload, port) else {
                continue;
            };
            served.entry(number).or_insert_with(|| Served {
                port: number,
                protocol: port.protocol,
                label: Arc::from(format!("{}:{}", service.host, port.number)),
                bind: None,
                is_bound: false,
                app: AppEndpoint::Default,
                is_declared: false,
                pool: pool.cloned(),
                origin: service.origin.clone(),
            });
        }
    }
    served.into_values().collect()
}

/// The ports of a Sidecar; the first listener of a port counts.
fn of_sidecar(
    sidecar: &Sidecar,
    services: &BTreeMap<ServiceRank, Arc<Service>>,
    proxy: &Proxy,
) -> Vec<Served> {
    let host = services.values().next().map_or_else(
        || format!("{}.{}", proxy.workload.name, proxy.workload.namespace),
        |service| service.host.to_string(),
    );
    let mut served = BTreeMap::new();
    for listener in &sidecar.ingress {
        let number = listener.port.number;
        served.entry(number).or_insert_with(|| Served {
            port: number,
            protocol: listener.port.protocol,
            label: Arc::from(format!("{host}:{number}")),
            bind: listener.bind.parse().ok(),
            is_bound: listener.capture == CaptureMode::None,
            app: listener.app.clone(),
            is_declared: true,
            pool: listener
                .pool
                .clone()
                .or_else(|| sidecar.inbound_pool.clone()),
            origin: listener.origin.clone(),
        });
    }
    served.into_values().collect()
}

/// What is spoken, as the proxy sees it.
pub(super) fn traffic(protocol: Protocol) -> InboundTraffic {
    match protocol {
        Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::GrpcWeb => {
            InboundTraffic::Http
        }
        Protocol::Https | Protocol::Tls | Protocol::Tcp | Protocol::Udp => InboundTraffic::Tcp {
            server_first: false,
        },
        Protocol::Opaque => InboundTraffic::Tcp { server_first: true },
        Protocol::Detect => InboundTraffic::Detect,
    }
}
