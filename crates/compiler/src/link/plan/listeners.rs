//! The listeners that a service wants.

use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_mesh::decl::service::ServicePort;
use ferromesh_mesh::policy::load_balancer::HashKey;
use ferromesh_mesh::policy::protocol::Protocol;
use ferromesh_mesh::view::cluster::ClusterName;
use ferromesh_mesh::view::listener::Affinity;

use super::Plan;
use crate::link::balancing;
use crate::link::claims::{Capture, Claim, Place, Slot, Speaks};
use crate::link::facts::Candidate;
use crate::link::policies::Merged;
use crate::link::scope::Egress;

impl Plan {
    pub(super) fn claim(
        &mut self,
        service: &Candidate,
        port: &ServicePort,
        egress: &Egress,
        merged: &Merged,
    ) {
        let protocol = egress.port.as_ref().map_or(port.protocol, |p| p.protocol);
        let number = port.number;
        let policy = merged.effective(number, None);
        let affinity = match balancing::hash_key(&service.service, &policy) {
            Some(HashKey::SourceIp) => Affinity::SourceAddress,
            Some(HashKey::Header(_) | HashKey::Cookie { .. } | HashKey::QueryParameter(_))
            | None => Affinity::None,
        };
        let claim = |speaks| {
            Arc::new(Claim {
                order: (service.rank.seniority.clone(), service.service.host.clone()),
                speaks,
                cluster: ClusterName::Outbound {
                    port: number,
                    subset: None,
                    host: service.service.host.clone(),
                },
                idle_timeout: policy
                    .connection_pool
                    .as_ref()
                    .and_then(|pool| pool.tcp_idle_timeout),
                affinity,
                origin: service.service.origin.clone(),
            })
        };
        let slot = |capture, place| Slot {
            capture,
            place,
            port: number,
        };
        let speaks = match protocol {
            Protocol::Udp => return,
            Protocol::Detect => Speaks::Detect,
            Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::GrpcWeb => Speaks::Http,
            Protocol::Https | Protocol::Tls | Protocol::Tcp | Protocol::Opaque => Speaks::Tcp {
                range: None,
                opaque: protocol == Protocol::Opaque,
            },
        };
        let socket = Place::Socket(egress.bind);
        self.claims
            .push((slot(Capture::Bound, socket), claim(speaks.clone())));
        if egress.bound {
            self.claims
                .push((slot(Capture::Captured, socket), claim(speaks)));
            return;
        }
        for (place, speaks) in captured(&speaks, &service.addresses(), egress.bind) {
            self.claims
                .push((slot(Capture::Captured, place), claim(speaks)));
        }
    }
}

/// Where captured traffic to a service arrives.
fn captured(
    speaks: &Speaks,
    addresses: &[ipnet::IpNet],
    bind: Option<IpAddr>,
) -> Vec<(Place, Speaks)> {
    if let Some(address) = bind {
        return vec![(Place::Address(address), speaks.clone())];
    }
    if *speaks == Speaks::Http || addresses.is_empty() {
        return vec![(Place::Anywhere, speaks.clone())];
    }
    addresses
        .iter()
        .map(|net| {
            if net.prefix_len() == net.max_prefix_len() {
                return (Place::Address(net.addr()), speaks.clone());
            }
            let speaks = match speaks {
                Speaks::Tcp { opaque, .. } => Speaks::Tcp {
                    range: Some(net.trunc()),
                    opaque: *opaque,
                },
                other => other.clone(),
            };
            (Place::Anywhere, speaks)
        })
        .collect()
}
