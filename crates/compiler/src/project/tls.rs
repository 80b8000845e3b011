//! TLS towards the instances of a cluster.

use std::sync::Arc;

use ferromesh_identity::SpiffeId;
use ferromesh_mesh::decl::Labels;
use ferromesh_mesh::decl::mesh_config::{AutoMtls, MeshSecurity};
use ferromesh_mesh::decl::service::{Resolution, Service, ServicePort};
use ferromesh_mesh::decl::workload::PeerTls;
use ferromesh_mesh::policy::tls::ClientTls;
use ferromesh_mesh::view::cluster::{MeshTls, UpstreamTls};

use super::instances;
use crate::index::reading::Reading;
use crate::link::keys::Chooser;
use crate::link::mtls::Plaintext;
use crate::proxy::Certificates;

/// Whose instances, and who connects.
pub(super) struct Upstream<'u> {
    pub(super) service: &'u Service,
    pub(super) port: &'u ServicePort,
    /// The labels of the subset.
    pub(super) subset: Option<&'u Labels>,
    pub(super) chooser: Chooser,
    pub(super) certificates: Certificates,
}

impl Upstream<'_> {
    /// TLS as a policy asks for it, or as it follows from who the instances are.
    pub(super) fn tls(
        &self,
        said: Option<ClientTls>,
        security: &MeshSecurity,
        reading: &mut Reading<'_>,
    ) -> UpstreamTls {
        match (said, self.certificates) {
            (Some(ClientTls::Disable), _) => UpstreamTls::Off,
            (Some(mut other @ (ClientTls::Simple(_) | ClientTls::Mutual { .. })), _) => {
                self.name(&mut other);
                UpstreamTls::Other(other, security.outside_tls.clone())
            }
            (Some(ClientTls::Mesh { .. }) | None, Certificates::None) => UpstreamTls::Off,
            (Some(ClientTls::Mesh { sni, names }), Certificates::Sds) => {
                UpstreamTls::Mesh(self.mesh(sni, names, security, reading))
            }
            (None, Certificates::Sds) => {
                let nothing_said = || (Arc::from(""), Vec::new());
                match self.inferred(security, reading) {
                    Inferred::Off => UpstreamTls::Off,
                    Inferred::PerInstance => {
                        let (sni, names) = nothing_said();
                        UpstreamTls::Auto(self.mesh(sni, names, security, reading))
                    }
                    Inferred::Mesh => {
                        let (sni, names) = nothing_said();
                        UpstreamTls::Mesh(self.mesh(sni, names, security, reading))
                    }
                }
            }
        }
    }

    /// Where a policy names no servers, the names that the entry says count (Istio).
    fn name(&self, said: &mut ClientTls) {
        let (ClientTls::Simple(server) | ClientTls::Mutual { server, .. }) = said else {
            return;
        };
        if server.names.is_empty() {
            server.names.clone_from(&self.service.names);
        }
    }

    fn inferred(&self, security: &MeshSecurity, reading: &mut Reading<'_>) -> Inferred {
        if security.auto_mtls == AutoMtls::Off {
            return Inferred::Off;
        }
        let Service {
            namespace, host, ..
        } = self.service;
        if self.chooser == Chooser::Client {
            // The proxy can't tell the instances apart, so that all of them must speak it.
            let mut peers = reading.peers(namespace, host).peekable();
            let all = peers.peek().is_some() && peers.all(|peer| peer.tls == PeerTls::Mesh);
            return if all && self.is_allowed_everywhere(reading) {
                Inferred::Mesh
            } else {
                Inferred::Off
            };
        }
        match &self.service.resolution {
            // Nothing is known of the instances that a name stands for.
            Resolution::Dns(_) | Resolution::DnsRoundRobin(_) | Resolution::Original => {
                Inferred::Off
            }
            Resolution::Declared | Resolution::Workloads | Resolution::Headless => {
                let mut peers = reading.peers(namespace, host);
                if self.service.external && !peers.any(|peer| peer.tls == PeerTls::Mesh) {
                    Inferred::Off
                } else {
                    Inferred::PerInstance
                }
            }
        }
    }

    /// Whether no policy forbids any instance to speak the mesh's TLS. Only where there are such
    /// policies at all does the cluster depend on each of its instances.
    fn is_allowed_everywhere(&self, reading: &mut Reading<'_>) -> bool {
        Plaintext::of(&self.service.namespace, reading).is_nowhere()
            || instances::of_service(self.service, self.port, self.subset, reading)
                .iter()
                .all(|instance| instance.peer_tls == PeerTls::Mesh)
    }

    fn mesh(
        &self,
        sni: Arc<str>,
        names: Vec<Arc<str>>,
        security: &MeshSecurity,
        reading: &mut Reading<'_>,
    ) -> MeshTls {
        let mut names = if names.is_empty() {
            self.names(security, reading)
        } else {
            names
        };
        names.sort();
        names.dedup();
        MeshTls {
            sni,
            names,
            trust_domain: security.trust_domain.clone(),
            parameters: security.mesh_tls.clone(),
        }
    }

    /// The accounts of the instances, under every name of the trust domain, and what an entry
    /// says beside them.
    fn names(&self, security: &MeshSecurity, reading: &mut Reading<'_>) -> Vec<Arc<str>> {
        let domains =
            || std::iter::once(&security.trust_domain).chain(&security.trust_domain_aliases);
        let service = self.service;
        let mut names = service.names.clone();
        for peer in reading.peers(&service.namespace, &service.host) {
            let ids = domains().filter_map(|domain| {
                let account = peer.account.as_str();
                SpiffeId::new(domain.clone(), peer.namespace.as_str(), account).ok()
            });
            names.extend(ids.map(|id| Arc::from(id.to_string())));
        }
        names
    }
}

/// What follows from who the instances are.
enum Inferred {
    Off,
    PerInstance,
    Mesh,
}
