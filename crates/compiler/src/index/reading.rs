//! Reading the index, with every question noted: there is no other way to read it, so a reader
//! cannot forget one.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ferromesh_mesh::decl::authorization::AuthorizationPolicy;
use ferromesh_mesh::decl::endpoints::Endpoints;
use ferromesh_mesh::decl::http_routes::HttpRoutes;
use ferromesh_mesh::decl::key_set::KeySet;
use ferromesh_mesh::decl::mesh_config::{MeshConfig, MeshSecurity, OutboundPolicy};
use ferromesh_mesh::decl::node::Node;
use ferromesh_mesh::decl::peer_authentication::PeerAuthentication;
use ferromesh_mesh::decl::request_authentication::RequestAuthentication;
use ferromesh_mesh::decl::service::Service;
use ferromesh_mesh::decl::sidecar::Sidecar;
use ferromesh_mesh::decl::traffic_policy::TrafficPolicies;
use ferromesh_mesh::decl::workload::{Workload, WorkloadKind};
use ferromesh_mesh::decl::{Declaration, Visibility};
use ferromesh_mesh::name::{Hostname, Namespace, NodeName, WorkloadName};
use ferromesh_mesh::policy::access_log::AccessLog;
use ferromesh_mesh::policy::jwt::KeySource;
use ferromesh_mesh::policy::locality::LocalityPolicy;
use ferromesh_mesh::policy::retry::{PreviousHosts, RetryOn, RetryPolicy};

use super::guards::Guard;
use super::peers::Peer;
use super::routes_link::RoutesLink;
use super::{Index, ServiceRank};
use crate::identity::{DeclId, Seniority};
use crate::question::{Domain, Pair, Question};

/// A reader at work.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    index: &'a Index,
    asked: BTreeSet<Question>,
}

impl<'a> Reading<'a> {
    /// Nothing asked yet.
    pub(crate) fn new(index: &'a Index) -> Self {
        Self {
            index,
            asked: BTreeSet::new(),
        }
    }

    /// Everything that was asked.
    pub(crate) fn into_asked(self) -> BTreeSet<Question> {
        self.asked
    }

    pub(crate) fn services(
        &mut self,
        host: &Hostname,
    ) -> impl Iterator<Item = (&'a ServiceRank, &'a Arc<Service>)> + use<'a> {
        self.asked.insert(Question::Services(host.clone()));
        self.index.services.get(host)
    }

    /// The names of all services, in no order. For remarks to people only: nothing that reads all
    /// names could be kept up to date cheaply, so this is no question.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = Hostname> + use<'a> {
        self.index.services.keys().cloned()
    }

    pub(crate) fn routes(
        &mut self,
        host: &Hostname,
    ) -> impl Iterator<Item = (&'a Seniority, &'a Arc<RoutesLink>)> + use<'a> {
        self.asked.insert(Question::Routes(host.clone()));
        self.index.routes.get(host)
    }

    pub(crate) fn policies(
        &mut self,
        host: &Hostname,
    ) -> impl Iterator<Item = (&'a Seniority, &'a Arc<TrafficPolicies>)> + use<'a> {
        self.asked.insert(Question::Policies(host.clone()));
        self.index.policies.get(host)
    }

    pub(crate) fn is_covering(&mut self, pattern: &Hostname) -> bool {
        self.asked.insert(Question::Covered(pattern.clone()));
        self.index.covered.contains_key(pattern)
    }

    pub(crate) fn wanting(
        &mut self,
        domain: &Domain,
    ) -> impl Iterator<Item = &'a Hostname> + use<'a> {
        self.asked.insert(Question::Domain(domain.clone()));
        self.index.domains.get(domain).map(|(host, _)| host)
    }

    pub(crate) fn instances(
        &mut self,
        namespace: &Namespace,
        host: &Hostname,
    ) -> impl Iterator<Item = &'a Arc<Endpoints>> + use<'a> {
        self.asked
            .insert(Question::Instances(namespace.clone(), host.clone()));
        self.index
            .instances
            .get(&(namespace.clone(), host.clone()))
            .map(|(_, endpoints)| endpoints)
    }

    pub(crate) fn has_hints(&mut self, namespace: &Namespace, host: &Hostname) -> bool {
        self.asked
            .insert(Question::Hinted(namespace.clone(), host.clone()));
        self.index
            .hinted
            .contains_key(&(namespace.clone(), host.clone()))
    }

    /// The workload of a name; a Pod wins over an entry.
    pub(crate) fn workload(&mut self, name: &WorkloadName) -> Option<&'a Arc<Workload>> {
        self.asked.insert(Question::Workload(name.clone()));
        self.index.workload(name)
    }

    /// The workload with an address; a Pod wins over an entry.
    pub(crate) fn at_address(
        &mut self,
        namespace: &Namespace,
        address: &Arc<str>,
    ) -> Option<&'a Arc<Workload>> {
        self.asked
            .insert(Question::Address(namespace.clone(), address.clone()));
        self.index
            .addresses
            .get(&(namespace.clone(), address.clone()))
            .map(|(_, workload)| workload)
            .next()
    }

    pub(crate) fn labelled(
        &mut self,
        namespace: &Namespace,
        kind: WorkloadKind,
        pair: Pair,
    ) -> impl Iterator<Item = &'a Arc<Workload>> + use<'a> {
        self.asked
            .insert(Question::Labelled(namespace.clone(), kind, pair.clone()));
        self.index
            .labelled
            .get(&(namespace.clone(), kind, pair))
            .map(|(_, workload)| workload)
    }

    pub(crate) fn selecting(
        &mut self,
        namespace: &Namespace,
        pair: Pair,
    ) -> impl Iterator<Item = (&'a ServiceRank, &'a Arc<Service>)> + use<'a> {
        self.asked
            .insert(Question::Selecting(namespace.clone(), pair.clone()));
        self.index.selecting.get(&(namespace.clone(), pair))
    }

    pub(crate) fn node(&mut self, name: &NodeName) -> Option<&'a Arc<Node>> {
        self.asked.insert(Question::Node(name.clone()));
        self.index.nodes.get(name).map(|(_, node)| node).next()
    }

    pub(crate) fn sidecars(
        &mut self,
        namespace: &Namespace,
    ) -> impl Iterator<Item = (&'a Seniority, &'a Arc<Sidecar>)> + use<'a> {
        self.asked.insert(Question::Sidecars(namespace.clone()));
        self.index.sidecars.get(namespace)
    }

    /// The mesh configuration; Istio's defaults as long as there is none.
    pub(crate) fn mesh(&mut self) -> &'a Arc<MeshConfig> {
        self.asked.insert(Question::Mesh);
        self.index.mesh()
    }

    /// Policies other than PeerAuthentications that guard workloads with a label.
    pub(crate) fn guards(
        &mut self,
        namespace: &Namespace,
        pair: Pair,
    ) -> impl Iterator<Item = &'a Arc<Guard>> + use<'a> {
        self.asked
            .insert(Question::Guards(namespace.clone(), pair.clone()));
        let guards = &self.index.guards.guards;
        guards
            .get(&(namespace.clone(), pair))
            .map(|(_, guard)| guard)
    }

    /// PeerAuthentications for workloads with a label, the oldest first.
    pub(crate) fn peer_authentications(
        &mut self,
        namespace: &Namespace,
        pair: Pair,
    ) -> impl Iterator<Item = (&'a Seniority, &'a Arc<PeerAuthentication>)> + use<'a> {
        self.asked
            .insert(Question::Guards(namespace.clone(), pair.clone()));
        self.index.guards.peers.get(&(namespace.clone(), pair))
    }

    /// Whether a policy of a namespace turns the mesh's TLS off.
    pub(crate) fn has_plaintext(&mut self, namespace: &Namespace) -> bool {
        self.asked.insert(Question::Plaintext(namespace.clone()));
        self.index.guards.plaintext.contains_key(namespace)
    }

    /// The external authorizers that the policies of a namespace ask.
    pub(crate) fn providers(
        &mut self,
        namespace: &Namespace,
    ) -> impl Iterator<Item = &'a Arc<str>> + use<'a> {
        self.asked.insert(Question::Providers(namespace.clone()));
        let providers = &self.index.guards.providers;
        providers.get(namespace).map(|(provider, _)| provider)
    }

    /// Who is behind a service.
    pub(crate) fn peers(
        &mut self,
        namespace: &Namespace,
        host: &Hostname,
    ) -> impl Iterator<Item = &'a Peer> + use<'a> {
        let named = (namespace.clone(), host.clone());
        self.asked
            .insert(Question::Peers(namespace.clone(), host.clone()));
        self.index.peers.behind(&named)
    }

    /// The keys that were fetched from somewhere.
    pub(crate) fn keys(&mut self, source: &KeySource) -> Option<&'a Arc<KeySet>> {
        self.asked.insert(Question::KeySet(source.clone()));
        let keys = &self.index.guards.keys;
        keys.get(source).map(|(_, keys)| keys).next()
    }

    pub(crate) fn authorization(&mut self, id: &DeclId) -> Option<&'a Arc<AuthorizationPolicy>> {
        match self.declaration(id) {
            Some(Declaration::Authorization(policy)) => Some(policy),
            _ => None,
        }
    }

    pub(crate) fn request_authentication(
        &mut self,
        id: &DeclId,
    ) -> Option<&'a Arc<RequestAuthentication>> {
        match self.declaration(id) {
            Some(Declaration::RequestAuthentication(policy)) => Some(policy),
            _ => None,
        }
    }

    pub(crate) fn service(&mut self, id: &DeclId) -> Option<&'a Arc<Service>> {
        match self.declaration(id) {
            Some(Declaration::Service(service)) => Some(service),
            _ => None,
        }
    }

    pub(crate) fn http_routes(&mut self, id: &DeclId) -> Option<&'a Arc<HttpRoutes>> {
        match self.declaration(id) {
            Some(Declaration::HttpRoutes(routes)) => Some(routes),
            _ => None,
        }
    }

    pub(crate) fn traffic_policies(&mut self, id: &DeclId) -> Option<&'a Arc<TrafficPolicies>> {
        match self.declaration(id) {
            Some(Declaration::TrafficPolicies(policies)) => Some(policies),
            _ => None,
        }
    }

    pub(crate) fn sidecar(&mut self, id: &DeclId) -> Option<&'a Arc<Sidecar>> {
        match self.declaration(id) {
            Some(Declaration::Sidecar(sidecar)) => Some(sidecar),
            _ => None,
        }
    }

    fn declaration(&mut self, id: &DeclId) -> Option<&'a Declaration> {
        self.asked.insert(Question::Declaration(id.clone()));
        self.index.declarations.get(id)
    }
}

impl Index {
    /// The mesh configuration; Istio's defaults as long as there is none.
    pub(crate) fn mesh(&self) -> &Arc<MeshConfig> {
        self.mesh
            .first_key_value()
            .map_or(&UNCONFIGURED, |(_, mesh)| mesh)
    }
}

/// Istio's defaults (`pkg/config/mesh/mesh.go`), for a world that never got a mesh
/// configuration.
static UNCONFIGURED: LazyLock<Arc<MeshConfig>> = LazyLock::new(|| {
    Arc::new(MeshConfig {
        outbound: OutboundPolicy::AllowAny,
        default_retry: Some(RetryPolicy {
            attempts: 2,
            per_try_timeout: None,
            on: RetryOn {
                conditions: vec![
                    "connect-failure",
                    "refused-stream",
                    "unavailable",
                    "cancelled",
                    "retriable-status-codes",
                ],
                status_codes: Vec::new(),
            },
            backoff: None,
            previous_hosts: PreviousHosts::AvoidUnlessHashed,
            remote_localities: false,
        }),
        connect_timeout: Duration::from_secs(10),
        tcp_keepalive: None,
        service_export: Visibility::All,
        routes_export: Visibility::All,
        policies_export: Visibility::All,
        protocol_detection_timeout: Duration::ZERO,
        access_log: AccessLog::Off,
        root_namespace: Namespace::from("istio-system"),
        locality: LocalityPolicy::Nearest {
            failover: Vec::new(),
        },
        dns_refresh: Duration::from_secs(60),
        security: MeshSecurity::default(),
    })
});
