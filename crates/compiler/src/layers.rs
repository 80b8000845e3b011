//! What of a scope's plans goes to which audience.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ferromesh_mesh::decl::mesh_config::OutboundPolicy;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::view::cluster::{ClusterName, Discovery};
use ferromesh_mesh::view::listener::{
    Affinity, Bind, ListenerName, ListenerTraffic, Outbound, TcpForward,
};
use ferromesh_mesh::view::route_table::{TableName, UnknownHosts};

use crate::audience::{Facet, RoutesKind};
use crate::link::claims::{Award, Capture, Place, Slot};
use crate::link::inbound::INBOUND_PORT;
use crate::link::keys::{Backend, Host, ListenerKey, PlainCluster, Traffic, ViewKey};
use crate::link::plan::{Plan, PlannedBackend};
use crate::link::preference::Viewer;
use crate::link::proxies::Families;
use crate::proxy::Certificates;

/// The port on which captured outbound traffic arrives (Istio's `proxyListenPort`).
pub(crate) const OUTBOUND_PORT: u16 = 15001;

/// The clusters of a plan for proxies that get their traffic like this.
fn backends(plan: &Plan, capture: Capture) -> impl Iterator<Item = &PlannedBackend> {
    plan.backends
        .iter()
        .filter(move |planned| planned.capture.is_none_or(|only| only == capture))
}

/// Views of a plan that are the same for all clients of a scope.
pub(crate) fn shared(
    plan: &Plan,
    capture: Capture,
    certificates: Certificates,
) -> impl Iterator<Item = ViewKey> + '_ {
    backends(plan, capture).flat_map(move |planned| {
        let depends = !planned.needs.is_empty();
        let cluster = (planned.has_endpoints || !depends)
            .then(|| ViewKey::Cluster(planned.key.clone(), certificates));
        let endpoints =
            (planned.has_endpoints && !depends).then(|| ViewKey::Endpoints(planned.key.clone()));
        cluster.into_iter().chain(endpoints)
    })
}

/// Views of a plan that depend on the client.
pub(crate) fn placed<'p>(
    plan: &'p Plan,
    capture: Capture,
    certificates: Certificates,
    viewer: &'p Viewer,
) -> impl Iterator<Item = ViewKey> + 'p {
    backends(plan, capture)
        .filter(|planned| !planned.needs.is_empty())
        .map(move |planned| {
            let PlannedBackend {
                capture: _,
                key,
                has_endpoints,
                needs,
            } = planned;
            let Backend {
                name,
                service,
                policies,
                chooser,
                viewer: _,
            } = &**key;
            let key = Arc::new(Backend {
                name: name.clone(),
                service: service.clone(),
                policies: policies.clone(),
                chooser: *chooser,
                viewer: needs.narrow(viewer),
            });
            if *has_endpoints {
                ViewKey::Endpoints(key)
            } else {
                ViewKey::Cluster(key, certificates)
            }
        })
}

/// Virtual hosts of a plan.
pub(crate) fn hosts<'p>(
    plan: &'p Plan,
    kind: &'p RoutesKind,
) -> impl Iterator<Item = Arc<Host>> + 'p {
    plan.hosts
        .iter()
        .filter(|planned| planned.capture.is_none_or(|only| only == kind.capture))
        .filter(|planned| kind.has_proxy_port || planned.key.table != TableName::HttpProxy)
        .filter_map(|planned| planned.key_for(&kind.holds))
}

/// Clusters that every scope has.
pub(crate) fn built_in(capture: Capture) -> [ViewKey; 2] {
    let plain = |name, discovery| {
        ViewKey::Plain(Arc::new(PlainCluster {
            name,
            discovery,
            protocol: Protocol::Tcp,
            pool: None,
            origin: None,
        }))
    };
    [
        plain(
            ClusterName::Passthrough,
            match capture {
                Capture::Captured => Discovery::Original {
                    sources: Vec::new(),
                },
                Capture::Bound => Discovery::Named,
            },
        ),
        plain(ClusterName::BlackHole, Discovery::Nothing),
    ]
}

impl Facet {
    /// How traffic arrives.
    pub(crate) fn capture(&self) -> Capture {
        match self {
            Self::Captured(_) => Capture::Captured,
            Self::Bound { .. } => Capture::Bound,
        }
    }

    /// The listener that every proxy of the facet has.
    pub(crate) fn common(&self, outbound: OutboundPolicy) -> Option<ViewKey> {
        let (name, traffic) = match self {
            Self::Captured(families) => (
                ListenerName::VirtualOutbound,
                ListenerTraffic::VirtualOutbound {
                    addresses: families.wildcards(OUTBOUND_PORT),
                    fallback: unknown(outbound),
                },
            ),
            Self::Bound {
                outbound,
                http_proxy_port,
                taken: _,
            } => {
                let socket = SocketAddr::new(*outbound, (*http_proxy_port)?);
                let traffic = ListenerTraffic::HttpProxy {
                    table: TableName::HttpProxy,
                };
                (ListenerName::HttpProxy(socket), traffic)
            }
        };
        Some(ViewKey::Listener(Arc::new(ListenerKey {
            name,
            traffic: Traffic::Outbound(traffic),
            origin: None,
        })))
    }

    /// The listeners of a slot.
    pub(crate) fn listeners(
        &self,
        slot: &Slot,
        award: &Award,
        outbound: OutboundPolicy,
    ) -> Vec<ViewKey> {
        let (bind, addresses) = match self {
            Self::Captured(families) => captured(*families, slot),
            Self::Bound {
                outbound,
                http_proxy_port,
                taken,
            } => {
                let own = match slot.place {
                    Place::Socket(Some(address)) => address,
                    Place::Socket(None) | Place::Anywhere | Place::Address(_) => *outbound,
                };
                let is_taken = own == *outbound
                    && (Some(slot.port) == *http_proxy_port || taken.contains(&slot.port));
                (Bind::Bound, if is_taken { Vec::new() } else { vec![own] })
            }
        };
        // A bound listener has no original destination to pass connections through to, and they
        // name none.
        let fallback = match bind {
            Bind::Captured => unknown(outbound),
            Bind::Bound => ClusterName::BlackHole,
        };
        let nothing = || {
            Outbound::Tcp(TcpForward {
                clusters: vec![(fallback.clone(), 1)],
                idle_timeout: None,
                server_first: false,
                affinity: Affinity::None,
            })
        };
        addresses
            .into_iter()
            .map(|address| {
                ViewKey::Listener(Arc::new(ListenerKey {
                    name: ListenerName::Outbound(SocketAddr::new(address, slot.port)),
                    traffic: Traffic::Outbound(ListenerTraffic::Outbound {
                        bind,
                        ranges: award.ranges.clone(),
                        traffic: award.traffic.clone().unwrap_or_else(nothing),
                        fallback: fallback.clone(),
                    }),
                    origin: award.origin.clone(),
                }))
            })
            .collect()
    }
}

fn captured(families: Families, slot: &Slot) -> (Bind, Vec<IpAddr>) {
    match slot.place {
        // These are the addresses of the virtual listeners.
        Place::Anywhere if matches!(slot.port, OUTBOUND_PORT | INBOUND_PORT) => {
            (Bind::Captured, Vec::new())
        }
        Place::Anywhere => {
            let any = families.wildcards(slot.port);
            (Bind::Captured, any.iter().map(SocketAddr::ip).collect())
        }
        Place::Address(address) => (Bind::Captured, vec![address]),
        Place::Socket(Some(address)) => (Bind::Bound, vec![address]),
        Place::Socket(None) if families.v4 => (Bind::Bound, vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
        Place::Socket(None) => (Bind::Bound, vec![IpAddr::V6(Ipv6Addr::LOCALHOST)]),
    }
}

/// Where unknown captured traffic goes.
fn unknown(outbound: OutboundPolicy) -> ClusterName {
    match outbound {
        OutboundPolicy::AllowAny => ClusterName::Passthrough,
        OutboundPolicy::RegistryOnly => ClusterName::BlackHole,
    }
}

/// What a table does with unknown hosts. Without capture there is no original destination to
/// pass them through to, but they have a name.
pub(crate) fn unknown_hosts(capture: Capture, outbound: OutboundPolicy) -> UnknownHosts {
    match (outbound, capture) {
        (OutboundPolicy::AllowAny, Capture::Captured) => UnknownHosts::Original,
        (OutboundPolicy::AllowAny, Capture::Bound) => UnknownHosts::Named,
        (OutboundPolicy::RegistryOnly, _) => UnknownHosts::Refused,
    }
}
