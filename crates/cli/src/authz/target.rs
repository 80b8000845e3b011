//! Whom the request is for.

use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_chassis::Failure;
use ferromesh_mesh::decl::service::{Service, ServicePort};
use ferromesh_mesh::decl::workload::Workload;
use ferromesh_mesh::name::{Hostname, Namespace};
use ferromesh_mesh::policy::protocol::Protocol;

use super::arguments::{Arguments, From};
use super::world::{World, usage};

/// Whom the request is for.
pub(super) enum Target {
    /// A service.
    Service(Arc<Service>, ServicePort),
    /// A workload's own port.
    Workload(Arc<Workload>, IpAddr, u16),
}

impl Target {
    /// Whether requests can be meant.
    pub(super) fn may_be_http(&self) -> bool {
        match self {
            Self::Service(_, port) => port.protocol.is_http() || port.protocol == Protocol::Detect,
            Self::Workload(..) => true,
        }
    }
}

/// Finds the service, or the workload of an address.
pub(super) fn find(world: &World, arguments: &Arguments) -> Result<Target, Failure> {
    let (host, port) = &arguments.to;
    let near = match &arguments.from {
        From::Workload(name) => name.namespace.clone(),
        From::Identity(id) => Namespace::from(id.namespace()),
        From::Nobody => Namespace::from(&*arguments.default_namespace),
    };
    if let Ok(address) = host.parse::<IpAddr>()
        && let Some(workload) = world.at(address, &near)
    {
        return Ok(Target::Workload(workload.clone(), address, *port));
    }
    let default = Namespace::from(&*arguments.default_namespace);
    let found = service(world, host, &near).or_else(|| service(world, host, &default));
    let Some(service) = found else {
        return Err(usage(format!("no service {host} in the manifests")));
    };
    match service.ports.iter().find(|it| it.number == *port) {
        Some(port) => Ok(Target::Service(service.clone(), port.clone())),
        None => {
            let ports: Vec<_> = service
                .ports
                .iter()
                .map(|it| it.number.to_string())
                .collect();
            Err(usage(format!(
                "{} has no port {port} (it has {})",
                service.host,
                ports.join(", ")
            )))
        }
    }
}

/// The service that a client in a namespace means: by its full name, by one that clients of its
/// namespace or of others use, or by its address.
fn service<'a>(world: &'a World, host: &str, near: &Namespace) -> Option<&'a Arc<Service>> {
    let name = Hostname::new(host);
    let address: Option<IpAddr> = host.parse().ok();
    let ranks: [&dyn Fn(&Service) -> bool; 4] = [
        &|it| it.host == name,
        &|it| it.namespace == *near && it.short_name.as_deref() == Some(host),
        &|it| it.aliases.contains(&name),
        &|it| address.is_some_and(|address| it.addresses.iter().any(|net| net.contains(&address))),
    ];
    ranks.iter().find_map(|is_meant| {
        let mut meant = world.services.iter().filter(|it| is_meant(it));
        let first = meant
            .clone()
            .min_by(|a, b| (a.registry, &a.age).cmp(&(b.registry, &b.age)));
        meant.find(|it| it.namespace == *near).or(first)
    })
}
