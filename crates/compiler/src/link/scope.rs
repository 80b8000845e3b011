//! What the proxies of a namespace with one effective Sidecar import.

use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_mesh::decl::mesh_config::{MeshConfig, OutboundPolicy};
use ferromesh_mesh::decl::sidecar::{
    CaptureMode, EgressListener, HostSelector, ListenerPort, NamespaceSelector,
};
use ferromesh_mesh::decl::{Export, Visibility};
use ferromesh_mesh::name::{Hostname, Namespace};
use ferromesh_mesh::policy::ext_authz::ExternalAuthorizer;

use super::facts::Candidate;
use super::security;
use crate::identity::DeclId;
use crate::index::reading::Reading;
use crate::index::routes_link::RoutesLink;

/// Who shares an outlook on the mesh.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ScopeKey {
    /// The clients' namespace.
    pub(crate) namespace: Namespace,
    /// Their effective Sidecar.
    pub(crate) sidecar: Option<DeclId>,
}

/// The outlook.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scope {
    /// The clients' namespace.
    pub(crate) namespace: Namespace,
    /// The mesh configuration.
    pub(crate) mesh: Arc<MeshConfig>,
    /// What happens to unknown traffic.
    pub(crate) outbound: OutboundPolicy,
    /// What is imported; never empty. At most one without a port counts.
    pub(crate) egress: Vec<Egress>,
    /// External authorizers that policies for the namespace ask.
    pub(crate) authorizers: Vec<ExternalAuthorizer>,
}

/// What is imported on a port, or on all others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Egress {
    /// The port; `None` = all others.
    pub(crate) port: Option<ListenerPort>,
    /// The address to listen on; `None` = the default.
    pub(crate) bind: Option<IpAddr>,
    /// Whether the listener is bound although the proxy captures.
    pub(crate) bound: bool,
    /// The hosts.
    pub(crate) hosts: Vec<HostSelector>,
}

impl Scope {
    /// The outlook of a key.
    pub(crate) fn link(key: &ScopeKey, reading: &mut Reading<'_>) -> Self {
        let mesh = reading.mesh().clone();
        let sidecar = key.sidecar.as_ref().and_then(|id| reading.sidecar(id));
        let egress = match sidecar {
            Some(sidecar) if !sidecar.egress.is_empty() => {
                sidecar.egress.iter().map(Egress::of).collect()
            }
            _ => vec![Egress::everything()],
        };
        Self {
            authorizers: security::asked([&key.namespace, &mesh.root_namespace], &mesh, reading),
            namespace: key.namespace.clone(),
            outbound: sidecar
                .and_then(|sidecar| sidecar.outbound)
                .unwrap_or(mesh.outbound),
            mesh,
            egress,
        }
    }

    /// What counts on a port.
    pub(crate) fn egress_for(&self, port: u16) -> Option<&Egress> {
        self.egress
            .iter()
            .find(|egress| egress.port.as_ref().is_some_and(|p| p.number == port))
            .or_else(|| self.egress.iter().find(|egress| egress.port.is_none()))
    }

    /// Whether the clients may see a declaration.
    pub(crate) fn sees(&self, author: &Namespace, export: &Export, default: &Visibility) -> bool {
        match export {
            Export::MeshDefault => default.includes(author, &self.namespace),
            Export::To(visibility) => visibility.includes(author, &self.namespace),
        }
    }

    /// The service that the clients mean by a name, if they import it on any port.
    pub(crate) fn choose<'f>(&self, candidates: &'f [Candidate]) -> Option<&'f Candidate> {
        candidates
            .iter()
            .find(|candidate| self.sees_service(candidate) && self.imports_any_port(candidate))
    }

    /// The service that a route of the clients may send to, imported or not: that of their own
    /// namespace, else the first by rank (Istio infers such destinations).
    pub(crate) fn infer<'f>(&self, candidates: &'f [Candidate]) -> Option<&'f Candidate> {
        let visible = || candidates.iter().filter(|c| self.sees_service(c));
        self.choose(candidates)
            .or_else(|| visible().find(|c| c.service.namespace == self.namespace))
            .or_else(|| visible().next())
    }

    fn sees_service(&self, candidate: &Candidate) -> bool {
        let service = &candidate.service;
        self.sees(
            &service.namespace,
            &service.export,
            &self.mesh.service_export,
        )
    }

    fn imports_any_port(&self, candidate: &Candidate) -> bool {
        candidate
            .service
            .ports
            .iter()
            .any(|port| self.imports_service(candidate, port.number))
    }

    /// Whether the clients import a service on a port.
    pub(crate) fn imports_service(&self, candidate: &Candidate, port: u16) -> bool {
        let service = &candidate.service;
        self.egress_for(port).is_some_and(|egress| {
            egress.imports(&self.namespace, &service.namespace, |selected| {
                selected.covers(&service.host)
            })
        })
    }

    /// Whether the clients see routes and import them on a port.
    pub(crate) fn imports_routes(&self, routes: &RoutesLink, port: u16) -> bool {
        self.sees(&routes.namespace, &routes.export, &self.mesh.routes_export)
            && self.egress_for(port).is_some_and(|egress| {
                egress.imports(&self.namespace, &routes.namespace, |selected| {
                    routes
                        .hosts
                        .iter()
                        .any(|host| selected.covers(host) || host.covers(selected))
                })
            })
    }
}

impl Egress {
    fn of(listener: &EgressListener) -> Self {
        let EgressListener {
            port,
            bind,
            capture,
            hosts,
            origin: _,
        } = listener;
        Self {
            port: port.clone(),
            bind: bind.parse().ok(),
            bound: *capture == CaptureMode::None,
            hosts: hosts.clone(),
        }
    }

    fn everything() -> Self {
        Self {
            port: None,
            bind: None,
            bound: false,
            hosts: vec![HostSelector {
                namespaces: NamespaceSelector::Any,
                host: Hostname::new("*"),
                exclude: false,
            }],
        }
    }

    /// Whether something of `author` whose host `covered` recognises is imported by clients in
    /// `own`. Selectors that name the author's namespace hide those for any namespace (Istio).
    fn imports(
        &self,
        own: &Namespace,
        author: &Namespace,
        covered: impl Fn(&Hostname) -> bool,
    ) -> bool {
        let names = |selector: &&HostSelector| match &selector.namespaces {
            NamespaceSelector::Own => author == own,
            NamespaceSelector::One(namespace) => author == namespace,
            NamespaceSelector::Any | NamespaceSelector::Nobody => false,
        };
        let any = |selector: &&HostSelector| selector.namespaces == NamespaceSelector::Any;
        let hosts = |exclude: bool| self.hosts.iter().filter(move |s| s.exclude == exclude);
        if hosts(true)
            .filter(|s| names(s) || any(s))
            .any(|s| covered(&s.host))
        {
            return false;
        }
        if hosts(false).any(|s| names(&s)) {
            return hosts(false).filter(names).any(|s| covered(&s.host));
        }
        hosts(false).filter(any).any(|s| covered(&s.host))
    }
}
