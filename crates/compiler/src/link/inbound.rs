//! What a workload serves: the ports of the services that select it, or those of its Sidecar.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ferromesh_mesh::decl::service::Service;
use ferromesh_mesh::decl::sidecar::{AppEndpoint, CaptureMode, Sidecar};
use ferromesh_mesh::decl::workload::Workload;
use ferromesh_mesh::origin::Origin;
use ferromesh_mesh::policy::connection_pool::ConnectionPool;
use ferromesh_mesh::policy::mtls::MtlsMode;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::view::cluster::{AppAddress, ClusterName, Discovery};
use ferromesh_mesh::view::listener::{InboundPort, InboundTraffic, ListenerName};

use super::keys::{Captured, ListenerKey, PlainCluster, Traffic, ViewKey};
use super::mtls::PeerModes;
use super::ports;
use super::proxies::Families;
use super::scope::ScopeKey;
use super::security::SecurityKey;
use crate::index::ServiceRank;
use crate::index::reading::Reading;
use crate::proxy::{Certificates, Interception, Proxy};
use crate::question::pairs;

/// The port on which captured inbound traffic arrives (Istio's `proxyInboundListenPort`).
pub(crate) const INBOUND_PORT: u16 = 15006;
/// The source of inbound connections to the app under redirection, which is not captured again.
const UNCAPTURED_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 6));
/// The same for IPv6.
const UNCAPTURED_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6));

/// What a workload serves.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Inbound {
    /// Its views.
    pub(crate) views: Vec<ViewKey>,
    /// Sockets that its listeners bind, and those of the app itself.
    pub(crate) sockets: BTreeSet<SocketAddr>,
    /// Sockets that are not bound, because the app itself has them.
    pub(crate) unbound: Vec<(SocketAddr, Origin)>,
    /// Ports that should demand mutual TLS and can't, and who says so.
    pub(crate) unenforced: Vec<(u16, Origin)>,
    /// What is demanded of those who connect.
    security: Arc<SecurityKey>,
}

/// A port that is served.
struct Served {
    port: u16,
    protocol: Protocol,
    label: Arc<str>,
    bind: Option<IpAddr>,
    is_bound: bool,
    app: AppEndpoint,
    is_declared: bool,
    pool: Option<ConnectionPool>,
    origin: Origin,
}

/// Where something is served.
#[derive(Debug)]
pub(crate) struct Site<'s> {
    /// Who asks.
    pub(crate) proxy: &'s Proxy,
    /// Its workload.
    pub(crate) workload: Option<&'s Workload>,
    /// Its effective Sidecar.
    pub(crate) sidecar: Option<&'s Sidecar>,
    /// Its address families.
    pub(crate) families: Families,
    /// Its outlook.
    pub(crate) scope: &'s ScopeKey,
}

/// Which connections ports take.
struct Demands {
    modes: PeerModes,
    certificates: Certificates,
}

impl Demands {
    /// A proxy without certificates can't speak the mesh's TLS.
    fn with(&self, mode: MtlsMode) -> MtlsMode {
        match self.certificates {
            Certificates::Sds => mode,
            Certificates::None => MtlsMode::Disable,
        }
    }

    fn unenforced(&self, served: &[Served]) -> Vec<(u16, Origin)> {
        let ports = served.iter().map(|served| served.port);
        let wanted = ports.filter(|port| {
            let mode = self.modes.port(*port);
            mode == MtlsMode::Strict && self.with(mode) != mode
        });
        wanted
            .filter_map(|port| {
                let policy = self.modes.source(port)?;
                Some((port, policy.origin.clone()))
            })
            .collect()
    }
}

impl Inbound {
    /// What a workload serves.
    pub(crate) fn link(site: &Site<'_>, reading: &mut Reading<'_>) -> Self {
        let Site {
            proxy,
            workload,
            sidecar,
            families,
            scope,
        } = *site;
        let nothing = Arc::default();
        let labels = workload.map_or(&nothing, |workload| &workload.labels);
        let demands = Demands {
            modes: PeerModes::of(&scope.namespace, labels, reading),
            certificates: proxy.certificates,
        };
        let services = workload.map_or_else(BTreeMap::new, |w| implemented(w, reading));
        let served = match sidecar {
            Some(sidecar) if !sidecar.ingress.is_empty() => of_sidecar(sidecar, &services, proxy),
            _ => {
                let pool = sidecar.and_then(|sidecar| sidecar.inbound_pool.clone());
                workload.map_or_else(Vec::new, |w| of_services(w, &services, pool.as_ref()))
            }
        };
        let mut inbound = Self {
            views: Vec::new(),
            sockets: BTreeSet::new(),
            unbound: Vec::new(),
            unenforced: demands.unenforced(&served),
            security: Arc::new(SecurityKey::of(scope, labels, reading)),
        };
        let sources = match &proxy.interception {
            Interception::Redirect => families.uncaptured(),
            Interception::Tproxy | Interception::None(_) => Vec::new(),
        };
        let mut captured = Vec::new();
        for served in &served {
            let name = ClusterName::Inbound { port: served.port };
            let discovery = discovery(served, proxy, workload, &sources);
            if let (Interception::None(_), Discovery::Static { address, .. }) =
                (&proxy.interception, &discovery)
                && let AppAddress::Tcp(socket) = address
            {
                inbound.sockets.insert(*socket);
            }
            let plain = plain(name.clone(), discovery, served);
            inbound.views.push(ViewKey::Plain(Arc::new(plain)));
            let port = InboundPort {
                port: served.port,
                cluster: name,
                traffic: traffic(served.protocol),
                mtls: demands.with(demands.modes.port(served.port)),
                label: served.label.clone(),
            };
            match (&proxy.interception, served.is_bound) {
                (Interception::None(bound), _) => {
                    inbound.bind(served, served.bind.unwrap_or(bound.inbound), port);
                }
                (_, true) => {
                    let address = served.bind.or_else(|| own_address(workload));
                    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
                    inbound.bind(served, address.unwrap_or(any), port);
                }
                (_, false) => captured.push(port),
            }
        }
        if !matches!(proxy.interception, Interception::None(_)) {
            let transparent = proxy.interception == Interception::Tproxy;
            undeclared(&mut captured, &demands);
            let captured = Captured {
                addresses: families.wildcards(INBOUND_PORT),
                transparent,
                ports: captured,
                rest_mtls: demands.with(demands.modes.rest()),
            };
            inbound.capture(captured, sources);
        }
        inbound
    }

    fn bind(&mut self, served: &Served, address: IpAddr, port: InboundPort) {
        let socket = SocketAddr::new(address, port.port);
        if !self.sockets.insert(socket) {
            self.unbound.push((socket, served.origin.clone()));
            return;
        }
        self.views.push(ViewKey::Listener(Arc::new(ListenerKey {
            name: ListenerName::Inbound(socket),
            traffic: Traffic::Bound(port, self.security.clone()),
            origin: Some(served.origin.clone()),
        })));
    }

    fn capture(&mut self, captured: Captured, sources: Vec<IpAddr>) {
        self.views.push(ViewKey::Plain(Arc::new(PlainCluster {
            name: ClusterName::InboundPassthrough,
            discovery: Discovery::Original { sources },
            protocol: Protocol::Tcp,
            pool: None,
            origin: None,
        })));
        self.views.push(ViewKey::Listener(Arc::new(ListenerKey {
            name: ListenerName::VirtualInbound,
            traffic: Traffic::Captured(captured, self.security.clone()),
            origin: None,
        })));
    }
}

/// Adds the ports of which policies say something although no service has them.
fn undeclared(ports: &mut Vec<InboundPort>, demands: &Demands) {
    let rest = demands.modes.rest();
    for port in demands.modes.ports() {
        let mode = demands.modes.port(port);
        let place = ports.binary_search_by_key(&port, |known| known.port);
        if let (Err(at), true) = (place, mode != rest) {
            ports.insert(
                at,
                InboundPort {
                    port,
                    cluster: ClusterName::InboundPassthrough,
                    traffic: InboundTraffic::Tcp {
                        server_first: false,
                    },
                    mtls: demands.with(mode),
                    label: Arc::from(format!("undeclared:{port}")),
                },
            );
        }
    }
}

impl Families {
    /// The wildcard addresses of the families, with a port.
    pub(crate) fn wildcards(self, port: u16) -> Vec<SocketAddr> {
        let v4 = self.v4.then_some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let v6 = self.v6.then_some(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        v4.into_iter()
            .chain(v6)
            .map(|address| SocketAddr::new(address, port))
            .collect()
    }
}

impl Families {
    /// The sources of the families that are not captured again.
    fn uncaptured(self) -> Vec<IpAddr> {
        let v4 = self.v4.then_some(UNCAPTURED_V4);
        v4.into_iter()
            .chain(self.v6.then_some(UNCAPTURED_V6))
            .collect()
    }
}

/// What is spoken on the ports of the services of a workload; `None` if a Sidecar of its namespace
/// may say something else.
pub(crate) fn served(
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

fn own_address(workload: Option<&Workload>) -> Option<IpAddr> {
    workload?
        .addresses
        .iter()
        .find_map(|address| address.parse().ok())
}

/// Where the app is.
fn discovery(
    served: &Served,
    proxy: &Proxy,
    workload: Option<&Workload>,
    sources: &[IpAddr],
) -> Discovery {
    let tcp = |address, source| Discovery::Static {
        address: AppAddress::Tcp(address),
        source,
    };
    match (&served.app, &proxy.interception) {
        (AppEndpoint::Default, Interception::None(bound)) => {
            tcp(SocketAddr::new(bound.app, served.port), None)
        }
        // Services: to the workload's own address, as the client addressed it.
        (AppEndpoint::Default, _) if !served.is_declared => Discovery::Original {
            sources: sources.to_vec(),
        },
        (AppEndpoint::Default, _) => {
            let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
            tcp(SocketAddr::new(loopback, served.port), None)
        }
        (AppEndpoint::Loopback(address), _) => tcp(*address, None),
        (AppEndpoint::Instance(port), Interception::None(bound)) => {
            tcp(SocketAddr::new(bound.app, *port), None)
        }
        (AppEndpoint::Instance(port), _) => match own_address(workload) {
            Some(address) => {
                let same_family = |source: &&IpAddr| source.is_ipv4() == address.is_ipv4();
                let source = sources.iter().find(same_family).copied();
                tcp(SocketAddr::new(address, *port), source)
            }
            None => Discovery::Nothing,
        },
        (AppEndpoint::Unix(path), _) => Discovery::Static {
            address: AppAddress::Unix(path.clone()),
            source: None,
        },
    }
}

fn plain(name: ClusterName, discovery: Discovery, served: &Served) -> PlainCluster {
    PlainCluster {
        name,
        discovery,
        protocol: served.protocol,
        pool: served.pool.clone(),
        origin: Some(served.origin.clone()),
    }
}

fn traffic(protocol: Protocol) -> InboundTraffic {
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
