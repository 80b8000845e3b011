//! Which port of a workload a service's port means.

use ferromesh_mesh::decl::service::{ServicePort, TargetPort};
use ferromesh_mesh::decl::workload::{Workload, WorkloadKind};

/// The port of a workload that a service's port means, for its clients as for itself; `None` if
/// the workload doesn't have it. An entry may say another number for a port, by the name that
/// the port has in the service; a named target is looked up by that name (Istio).
pub(crate) fn of_workload(workload: &Workload, port: &ServicePort) -> Option<u16> {
    match (&port.target, workload.kind) {
        (TargetPort::Number(number), WorkloadKind::Pod) => Some(*number),
        (TargetPort::Number(number), WorkloadKind::Entry) => {
            Some(workload.ports.get(&port.name).copied().unwrap_or(*number))
        }
        (TargetPort::Name(name), _) => workload.ports.get(name).copied(),
    }
}
