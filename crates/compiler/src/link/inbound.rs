//! What a workload serves: the ports of the services that select it, or those of its Sidecar.

mod demands;
mod served;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ferromesh_mesh::decl::sidecar::{AppEndpoint, Sidecar};
use ferromesh_mesh::decl::workload::Workload;
use ferromesh_mesh::origin::Origin;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::view::cluster::{AppAddress, ClusterName, Discovery};
use ferromesh_mesh::view::listener::{InboundPort, ListenerName};

use super::keys::{Captured, ListenerKey, PlainCluster, Traffic, ViewKey};
use super::proxies::Families;
use super::scope::ScopeKey;
use super::security::SecurityKey;
use crate::index::reading::Reading;
use crate::proxy::{Interception, Proxy};
use demands::Demands;
use served::Served;

pub(crate) use served::traffic_by_port;

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

impl Inbound {
    /// What a workload serves.
    pub(crate) fn link(site: &Site<'_>, reading: &mut Reading<'_>) -> Self {
        let Site {
            proxy,
            workload,
            sidecar: _,
            families,
            scope,
        } = *site;
        let nothing = Arc::default();
        let labels = workload.map_or(&nothing, |workload| &workload.labels);
        let demands = Demands::at(site, labels, reading);
        let served = served::at(site, reading);
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
            captured.extend(inbound.serve(served, site, &sources, &demands));
        }
        if !matches!(proxy.interception, Interception::None(_)) {
            demands.add_undeclared(&mut captured);
            let captured = Captured {
                addresses: families.wildcards(INBOUND_PORT),
                transparent: proxy.interception == Interception::Tproxy,
                ports: captured,
                rest_mtls: demands.rest(),
            };
            inbound.capture(captured, sources);
        }
        inbound
    }

    /// Serves a port, and returns it if connections to it are captured.
    fn serve(
        &mut self,
        served: &Served,
        site: &Site<'_>,
        sources: &[IpAddr],
        demands: &Demands,
    ) -> Option<InboundPort> {
        let Site {
            proxy, workload, ..
        } = *site;
        let name = ClusterName::Inbound { port: served.port };
        let discovery = discovery(served, proxy, workload, sources);
        if let (Interception::None(_), Discovery::Static { address, .. }) =
            (&proxy.interception, &discovery)
            && let AppAddress::Tcp(socket) = address
        {
            self.sockets.insert(*socket);
        }
        let plain = plain(name.clone(), discovery, served);
        self.views.push(ViewKey::Plain(Arc::new(plain)));
        let port = InboundPort {
            port: served.port,
            cluster: name,
            traffic: served::traffic(served.protocol),
            mtls: demands.port(served.port),
            label: served.label.clone(),
        };
        match (&proxy.interception, served.is_bound) {
            (Interception::None(bound), _) => {
                self.bind(served, served.bind.unwrap_or(bound.inbound), port);
                None
            }
            (_, true) => {
                let address = served.bind.or_else(|| own_address(workload));
                let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
                self.bind(served, address.unwrap_or(any), port);
                None
            }
            (_, false) => Some(port),
        }
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
