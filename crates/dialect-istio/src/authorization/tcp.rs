//! What a rule of a `DENY` does where there are no requests.

use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::authorization::{Condition, Rule, Source};

/// Warns of a rule that names neither peers nor ports: where connections carry no requests, what
/// it says of requests is left out, so that it refuses all of them. Istio's admission warns, too.
pub(super) fn check(rule: &Rule, at: &Path<'_>, remarks: &mut Remarks) {
    let Rule {
        sources,
        operations,
        conditions,
        origin: _,
    } = rule;
    let of_ports = conditions
        .iter()
        .any(|condition| matches!(condition, Condition::Port(_)));
    let says_ports = of_ports || operations.iter().any(|to| !to.ports.is_empty());
    let field = match (says_ports, operations.is_empty(), sources.is_empty()) {
        (false, false, _) => "to",
        (false, true, false) if !sources.iter().any(is_of_peers) => "from",
        _ => return,
    };
    remarks
        .warning(
            &at.field(field),
            "denies-tcp",
            "speaks of requests only, so that connections to ports that are not HTTP are refused whatever they carry",
        )
        .advise("write the ports that it is for: to: [{operation: {ports: [...]}}]");
}

/// Whether a source says something that a connection has.
fn is_of_peers(source: &Source) -> bool {
    let Source {
        principals,
        request_principals: _,
        namespaces,
        service_accounts,
        trust_domains,
        ip_blocks,
        remote_ip_blocks,
    } = source;
    !principals.is_empty()
        || !namespaces.is_empty()
        || !service_accounts.is_empty()
        || !trust_domains.is_empty()
        || !ip_blocks.is_empty()
        || !remote_ip_blocks.is_empty()
}
