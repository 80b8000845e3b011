//! The declarations, indexed by everything that is asked: plain maps with a sync [`Index::apply`],
//! so that a change costs the same however many declarations there are.

pub(crate) mod guards;
pub(crate) mod multimap;
pub(crate) mod peers;
pub(crate) mod reading;
pub(crate) mod routes_link;
mod services;
mod workloads;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::decl::endpoints::Endpoints;
use ferromesh_mesh::decl::http_routes::HttpRoutes;
use ferromesh_mesh::decl::mesh_config::MeshConfig;
use ferromesh_mesh::decl::node::Node;
use ferromesh_mesh::decl::service::{Registry, Service};
use ferromesh_mesh::decl::sidecar::Sidecar;
use ferromesh_mesh::decl::traffic_policy::TrafficPolicies;
use ferromesh_mesh::decl::workload::{Workload, WorkloadKind};
use ferromesh_mesh::name::{Hostname, Namespace, NodeName, WorkloadName};
use ferromesh_mesh::policy::jwt::KeySource;

use crate::identity::{DeclId, Seniority};
use crate::question::{Domain, Pair, Question};
use crate::units::Difference;
use guards::Guards;
use multimap::Multimap;
use peers::Peers;
use routes_link::RoutesLink;

/// Precedence among services of one name: Kubernetes first, then the oldest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ServiceRank {
    /// Where it is registered.
    pub(crate) registry: Registry,
    /// How old it is, and who.
    pub(crate) seniority: Seniority,
}

/// Precedence among workloads of one name or address: a Pod wins over an entry.
type WorkloadRank = (WorkloadKind, DeclId);

/// All declarations.
#[derive(Debug, Default)]
pub(crate) struct Index {
    declarations: HashMap<DeclId, Declaration>,
    services: Multimap<Hostname, ServiceRank, Arc<Service>>,
    /// How many service names each pattern covers.
    covered: HashMap<Hostname, usize>,
    domains: Multimap<Domain, Hostname, usize>,
    selecting: Multimap<(Namespace, Pair), ServiceRank, Arc<Service>>,
    routes: Multimap<Hostname, Seniority, Arc<RoutesLink>>,
    policies: Multimap<Hostname, Seniority, Arc<TrafficPolicies>>,
    instances: Multimap<(Namespace, Hostname), DeclId, Arc<Endpoints>>,
    hinted: HashMap<(Namespace, Hostname), usize>,
    workloads: Multimap<WorkloadName, WorkloadRank, Arc<Workload>>,
    addresses: Multimap<(Namespace, Arc<str>), WorkloadRank, Arc<Workload>>,
    labelled: Multimap<(Namespace, WorkloadKind, Pair), DeclId, Arc<Workload>>,
    nodes: Multimap<NodeName, DeclId, Arc<Node>>,
    sidecars: Multimap<Namespace, Seniority, Arc<Sidecar>>,
    mesh: BTreeMap<DeclId, Arc<MeshConfig>>,
    guards: Guards,
    peers: Peers,
}

/// The questions that a change answers differently.
pub(crate) type Dirty = BTreeSet<Question>;

impl Index {
    /// Takes a change and adds the questions that it answers differently.
    pub(crate) fn apply(&mut self, difference: Difference, dirty: &mut Dirty) {
        let Difference { id, before, after } = difference;
        dirty.insert(Question::Declaration(id.clone()));
        if let (Some(Declaration::HttpRoutes(old)), Some(Declaration::HttpRoutes(new))) =
            (&before, &after)
            && old.age == new.age
            && RoutesLink::of(&id, old) == RoutesLink::of(&id, new)
        {
            // An edit of a weight changes what the routes say, not whom they concern.
            self.declarations
                .insert(id, Declaration::HttpRoutes(new.clone()));
            return;
        }
        if let (Some(Declaration::Workload(old)), Some(Declaration::Workload(new))) =
            (&before, &after)
            && workloads::differ_in_state_only(old, new)
        {
            // Only who selects workloads asks them whether they are ready.
            self.set_state(&id, new, dirty);
            self.declarations
                .insert(id, Declaration::Workload(new.clone()));
            return;
        }
        if let (Some(before), Some(after)) = (&before, &after)
            && Guards::is_same(&id, before, after)
        {
            self.guards.want(before, false);
            self.guards.want(after, true);
            self.declarations.insert(id, after.clone());
            return;
        }
        self.relist(before.as_ref(), after.as_ref());
        if let Some(before) = before {
            self.declarations.remove(&id);
            self.remove(&id, &before, dirty);
        }
        if let Some(after) = after {
            self.insert(&id, &after, dirty);
            self.declarations.insert(id, after);
        }
    }

    /// Adds the questions whose answers differ after all that was taken since the last call.
    pub(crate) fn settle(&mut self, dirty: &mut Dirty) {
        self.peers.settle(dirty);
    }

    fn insert(&mut self, id: &DeclId, declaration: &Declaration, dirty: &mut Dirty) {
        match declaration {
            Declaration::MeshConfig(mesh) => {
                self.mesh.insert(id.clone(), mesh.clone());
                dirty.insert(Question::Mesh);
            }
            Declaration::Node(node) => {
                self.nodes
                    .insert(node.name.clone(), id.clone(), node.clone());
                dirty.insert(Question::Node(node.name.clone()));
            }
            Declaration::Workload(workload) => self.insert_workload(id, workload, dirty),
            Declaration::Service(service) => self.insert_service(id, service, dirty),
            Declaration::Endpoints(endpoints) => self.insert_endpoints(id, endpoints, dirty),
            Declaration::HttpRoutes(routes) => self.insert_routes(id, routes, dirty),
            Declaration::TrafficPolicies(policies) => {
                let key = seniority(id, &policies.age);
                self.policies
                    .insert(policies.host.clone(), key, policies.clone());
                dirty.insert(Question::Policies(policies.host.clone()));
            }
            Declaration::Sidecar(sidecar) => {
                let key = seniority(id, &sidecar.age);
                self.sidecars
                    .insert(sidecar.namespace.clone(), key, sidecar.clone());
                dirty.insert(Question::Sidecars(sidecar.namespace.clone()));
            }
            Declaration::PeerAuthentication(peers) => self.guards.insert_peers(id, peers, dirty),
            Declaration::Authorization(_) | Declaration::RequestAuthentication(_) => {
                self.guards.insert(id, declaration, dirty);
            }
            Declaration::KeySet(keys) => self.guards.insert_keys(id, keys, dirty),
        }
    }

    fn remove(&mut self, id: &DeclId, declaration: &Declaration, dirty: &mut Dirty) {
        match declaration {
            Declaration::MeshConfig(_) => {
                self.mesh.remove(id);
                dirty.insert(Question::Mesh);
            }
            Declaration::Node(node) => {
                self.nodes.remove(&node.name, id);
                dirty.insert(Question::Node(node.name.clone()));
            }
            Declaration::Workload(workload) => self.remove_workload(id, workload, dirty),
            Declaration::Service(service) => self.remove_service(id, service, dirty),
            Declaration::Endpoints(endpoints) => self.remove_endpoints(id, endpoints, dirty),
            Declaration::HttpRoutes(routes) => self.remove_routes(id, routes, dirty),
            Declaration::TrafficPolicies(policies) => {
                self.policies
                    .remove(&policies.host, &seniority(id, &policies.age));
                dirty.insert(Question::Policies(policies.host.clone()));
            }
            Declaration::Sidecar(sidecar) => {
                self.sidecars
                    .remove(&sidecar.namespace, &seniority(id, &sidecar.age));
                dirty.insert(Question::Sidecars(sidecar.namespace.clone()));
            }
            Declaration::PeerAuthentication(peers) => self.guards.remove_peers(id, peers, dirty),
            Declaration::Authorization(_) | Declaration::RequestAuthentication(_) => {
                self.guards.remove(id, declaration, dirty);
            }
            Declaration::KeySet(keys) => self.guards.remove_keys(id, keys, dirty),
        }
    }

    fn insert_routes(&mut self, id: &DeclId, routes: &Arc<HttpRoutes>, dirty: &mut Dirty) {
        let link = Arc::new(RoutesLink::of(id, routes));
        for host in &routes.hosts {
            self.routes
                .insert(host.clone(), seniority(id, &routes.age), link.clone());
            dirty.insert(Question::Routes(host.clone()));
        }
    }

    fn remove_routes(&mut self, id: &DeclId, routes: &Arc<HttpRoutes>, dirty: &mut Dirty) {
        for host in &routes.hosts {
            self.routes.remove(host, &seniority(id, &routes.age));
            dirty.insert(Question::Routes(host.clone()));
        }
    }

    /// Whether a service or routes have exactly this name: then it can have virtual hosts.
    pub(crate) fn knows(&self, host: &Hostname) -> bool {
        self.services.get(host).next().is_some() || self.routes.get(host).next().is_some()
    }

    /// Whose keys have to be fetched, and how long that may take.
    pub(crate) fn wanted_keys(&self) -> BTreeMap<KeySource, Duration> {
        self.guards.wanted()
    }

    /// All declarations, in no order.
    pub(crate) fn declarations(&self) -> impl Iterator<Item = (&DeclId, &Declaration)> {
        self.declarations.iter()
    }
}

fn seniority(id: &DeclId, age: &ferromesh_mesh::origin::Age) -> Seniority {
    Seniority {
        age: age.clone(),
        id: id.clone(),
    }
}
