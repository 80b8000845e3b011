//! What is asked for.

use ferromesh_api::istio;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::authorization::Operation;

use super::Scope;
use super::values::{self, Lists};
use super::{host, path};

/// An operation at the path `at`.
pub(super) fn lower(
    operation: &istio::AuthorizationOperation,
    scope: Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Operation {
    let istio::AuthorizationOperation {
        hosts,
        not_hosts,
        ports,
        not_ports,
        methods,
        not_methods,
        paths,
        not_paths,
    } = operation;
    let hosts = Lists {
        any_of: ("hosts", hosts),
        none_of: ("notHosts", not_hosts),
    };
    let ports = Lists {
        any_of: ("ports", ports),
        none_of: ("notPorts", not_ports),
    };
    let methods = Lists {
        any_of: ("methods", methods),
        none_of: ("notMethods", not_methods),
    };
    let paths = Lists {
        any_of: ("paths", paths),
        none_of: ("notPaths", not_paths),
    };
    if [hosts, ports, methods, paths].iter().all(Lists::is_empty) {
        remarks
            .error(at, "empty-block", "must have at least one field")
            .advise("leave out the whole \"to\" to match every operation");
    }
    host::warn_of_variants(hosts, scope.action, at, remarks);
    path::warn_of_variants(paths, scope.action, at, remarks);
    Operation {
        hosts: hosts.lower(at, remarks, values::text),
        methods: methods.lower(at, remarks, values::method),
        paths: paths.lower(at, remarks, path::lower),
        ports: ports.lower(at, remarks, values::port),
    }
}
