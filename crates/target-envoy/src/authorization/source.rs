//! Who asks.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;
use ipnet::IpNet;

use envoy::core::CidrRange;
use envoy::rbac::Principal;
use envoy::rbac::principal::Identifier;
use mesh::policy::authorization::Source;

use super::logic::{Logic, demands, principal};
use super::rule::{NotThere, Scope};
use super::{peers, tokens};

/// A source.
pub(super) fn principal_of(source: &Source, scope: &Scope<'_>) -> Result<Principal, NotThere> {
    let Source {
        principals,
        request_principals,
        namespaces,
        service_accounts,
        trust_domains,
        ip_blocks,
        remote_ip_blocks,
    } = source;
    let mut all = demands(principals, |it| peers::principal(it, scope.security));
    all.extend(scope.of_requests(request_principals, |it| {
        tokens::principal(it, scope.security)
    })?);
    all.extend(demands(namespaces, peers::namespace));
    all.extend(demands(service_accounts, peers::account));
    all.extend(demands(trust_domains, peers::trust_domain));
    all.extend(demands(ip_blocks, direct));
    all.extend(demands(remote_ip_blocks, remote));
    Ok(Principal::all(all))
}

/// Where a connection comes from.
pub(super) fn direct(block: &IpNet) -> Principal {
    principal(Identifier::DirectRemoteIp(range(block)))
}

/// Where a request comes from, as trusted proxies say.
pub(super) fn remote(block: &IpNet) -> Principal {
    principal(Identifier::RemoteIp(range(block)))
}

/// A range of addresses.
pub(super) fn range(block: &IpNet) -> CidrRange {
    CidrRange {
        address_prefix: block.network().to_string(),
        prefix_len: Some(block.prefix_len().into()),
    }
}
