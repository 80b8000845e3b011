//! Views → Envoy protobuf: one pure and total function, [`emit`].
//!
//! It knows the mesh's views and Envoy's API, and nothing of Kubernetes, streams, proxies or
//! what else is in force: a view is the whole input. Equal views give equal bytes in every
//! process, so origins (which are equal by definition) never show in the output.
//!
//! Reading order: this file → `names` → `cluster` and `endpoints` → `route` → `listener` and
//! `filters`. One concept has one file name here as in `mesh::policy`.

mod access_log;
mod authorization;
mod cluster;
mod config_source;
mod endpoints;
mod ext_authz;
mod filters;
mod forward_proxy;
mod jwt;
mod listener;
mod names;
mod path_normalization;
mod percent;
mod route;
mod string_match;
mod tls;
mod weights;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::Name;

/// The kind of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `envoy.config.cluster.v3.Cluster`.
    Cluster,
    /// `envoy.config.endpoint.v3.ClusterLoadAssignment`.
    Endpoints,
    /// `envoy.config.listener.v3.Listener`.
    Listener,
    /// `envoy.config.route.v3.RouteConfiguration`.
    Route,
    /// `envoy.config.route.v3.VirtualHost`.
    VirtualHost,
}

impl Kind {
    /// The type URL of the resource's message.
    pub fn type_url(self) -> String {
        match self {
            Self::Cluster => envoy::cluster::Cluster::type_url(),
            Self::Endpoints => envoy::endpoint::ClusterLoadAssignment::type_url(),
            Self::Listener => envoy::listener::Listener::type_url(),
            Self::Route => envoy::route::RouteConfiguration::type_url(),
            Self::VirtualHost => envoy::route::VirtualHost::type_url(),
        }
    }
}

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// Its kind.
    pub kind: Kind,
    /// Its name, by which proxies subscribe to it.
    pub name: String,
    /// Further names for the `aliases` of a delta resource: a virtual host's own name, without
    /// which Envoy doesn't take it. Otherwise empty.
    pub aliases: Vec<String>,
    /// The encoded message: the `value` of the `Any`, whose type is [`Kind::type_url`].
    pub body: Vec<u8>,
    /// Names of the clusters that it uses, sorted, without those that are known not to exist.
    pub refers_to: Vec<String>,
    /// The name of the endpoints that a cluster asks for; `None` for the others.
    pub eds: Option<String>,
}

/// The resource of a view.
pub fn emit(view: &mesh::view::View) -> Emitted {
    match view {
        mesh::view::View::Cluster(view) => cluster::emit(view),
        mesh::view::View::Endpoints(view) => endpoints::emit(view),
        mesh::view::View::Listener(view) => listener::emit(view),
        mesh::view::View::RouteTable(view) => route::table::emit(view),
        mesh::view::View::VirtualHost(view) => route::virtual_host::emit(view),
    }
}
