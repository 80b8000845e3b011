//! Which connections ports take.

use std::sync::Arc;

use ferromesh_mesh::decl::Labels;
use ferromesh_mesh::origin::Origin;
use ferromesh_mesh::policy::mtls::MtlsMode;
use ferromesh_mesh::view::cluster::ClusterName;
use ferromesh_mesh::view::listener::{InboundPort, InboundTraffic};

use super::Site;
use super::served::Served;
use crate::index::reading::Reading;
use crate::link::mtls::PeerModes;
use crate::proxy::Certificates;

/// Which connections ports take.
pub(super) struct Demands {
    modes: PeerModes,
    certificates: Certificates,
}

impl Demands {
    /// What policies demand at a site.
    pub(super) fn at(site: &Site<'_>, labels: &Labels, reading: &mut Reading<'_>) -> Self {
        Self {
            modes: PeerModes::of(&site.scope.namespace, labels, reading),
            certificates: site.proxy.certificates,
        }
    }

    /// What a port takes.
    pub(super) fn port(&self, port: u16) -> MtlsMode {
        self.with(self.modes.port(port))
    }

    /// What ports take of which nobody says anything.
    pub(super) fn rest(&self) -> MtlsMode {
        self.with(self.modes.rest())
    }

    /// A proxy without certificates can't speak the mesh's TLS.
    fn with(&self, mode: MtlsMode) -> MtlsMode {
        match self.certificates {
            Certificates::Sds => mode,
            Certificates::None => MtlsMode::Disable,
        }
    }

    /// Ports that should demand mutual TLS and can't, and who says so.
    pub(super) fn unenforced(&self, served: &[Served]) -> Vec<(u16, Origin)> {
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

    /// Adds the ports of which policies say something although no service has them.
    pub(super) fn add_undeclared(&self, ports: &mut Vec<InboundPort>) {
        for port in self.modes.ports() {
            let mode = self.port(port);
            let place = ports.binary_search_by_key(&port, |known| known.port);
            if let (Err(at), true) = (place, mode != self.rest()) {
                let undeclared = InboundPort {
                    port,
                    cluster: ClusterName::InboundPassthrough,
                    // As on all ports of which nothing is known.
                    traffic: InboundTraffic::Detect,
                    mtls: mode,
                    label: Arc::from(format!("undeclared:{port}")),
                };
                ports.insert(at, undeclared);
            }
        }
    }
}
