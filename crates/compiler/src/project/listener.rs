//! Listeners.

use std::sync::Arc;

use ferromesh_mesh::view::cluster::ClusterName;
use ferromesh_mesh::view::listener::{Listener, ListenerTraffic};

use crate::index::reading::Reading;
use crate::link::keys::{Captured, ListenerKey, Traffic};

/// The listener of a key.
pub(super) fn project(key: &ListenerKey, reading: &mut Reading<'_>) -> Listener {
    let ListenerKey {
        name,
        traffic,
        origin,
    } = key;
    let mesh = reading.mesh();
    Listener {
        name: name.clone(),
        traffic: with_security(traffic, reading),
        access_log: mesh.access_log.clone(),
        detection_timeout: mesh.protocol_detection_timeout,
        origin: origin.clone(),
    }
}

fn with_security(traffic: &Traffic, reading: &mut Reading<'_>) -> ListenerTraffic {
    match traffic {
        Traffic::Outbound(traffic) => traffic.clone(),
        Traffic::Captured(captured, security) => {
            let Captured {
                addresses,
                transparent,
                ports,
                rest_mtls,
            } = captured;
            ListenerTraffic::VirtualInbound {
                addresses: addresses.clone(),
                transparent: *transparent,
                ports: ports.clone(),
                rest: ClusterName::InboundPassthrough,
                rest_mtls: *rest_mtls,
                security: Arc::new(security.read(reading)),
            }
        }
        Traffic::Bound(port, security) => ListenerTraffic::Inbound {
            port: port.clone(),
            security: Arc::new(security.read(reading)),
        },
    }
}
