//! Who asks.

use ferromesh_api::istio;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::authorization::Source;

use super::values::{self, Lists};
use super::{Scope, refuse_with_custom};
use crate::effect;

/// The fields of a source, each beside its negation.
struct Fields<'a> {
    principals: Lists<'a>,
    request_principals: Lists<'a>,
    namespaces: Lists<'a>,
    service_accounts: Lists<'a>,
    trust_domains: Lists<'a>,
    ip_blocks: Lists<'a>,
    remote_ip_blocks: Lists<'a>,
}

/// A source at the path `at`.
pub(super) fn lower(
    source: &istio::AuthorizationSource,
    scope: Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Source {
    let fields = fields(source);
    check(&fields, scope, at, remarks);
    let Fields {
        principals,
        request_principals,
        namespaces,
        service_accounts,
        trust_domains,
        ip_blocks,
        remote_ip_blocks,
    } = fields;
    Source {
        principals: principals.lower(at, remarks, values::principal),
        request_principals: request_principals.lower(at, remarks, values::text),
        namespaces: namespaces.lower(at, remarks, values::namespace),
        service_accounts: service_accounts.lower(at, remarks, |value, at, remarks| {
            values::account(value, scope.namespace, at, remarks)
        }),
        trust_domains: trust_domains.lower(at, remarks, values::trust_domain),
        ip_blocks: ip_blocks.lower(at, remarks, values::block),
        remote_ip_blocks: remote_ip_blocks.lower(at, remarks, values::block),
    }
}

fn fields(source: &istio::AuthorizationSource) -> Fields<'_> {
    let istio::AuthorizationSource {
        principals,
        not_principals,
        request_principals,
        not_request_principals,
        namespaces,
        not_namespaces,
        service_accounts,
        not_service_accounts,
        trust_domains,
        not_trust_domains,
        ip_blocks,
        not_ip_blocks,
        remote_ip_blocks,
        not_remote_ip_blocks,
    } = source;
    Fields {
        principals: Lists {
            any_of: ("principals", principals),
            none_of: ("notPrincipals", not_principals),
        },
        request_principals: Lists {
            any_of: ("requestPrincipals", request_principals),
            none_of: ("notRequestPrincipals", not_request_principals),
        },
        namespaces: Lists {
            any_of: ("namespaces", namespaces),
            none_of: ("notNamespaces", not_namespaces),
        },
        service_accounts: Lists {
            any_of: ("serviceAccounts", service_accounts),
            none_of: ("notServiceAccounts", not_service_accounts),
        },
        trust_domains: Lists {
            any_of: ("trustDomains", trust_domains),
            none_of: ("notTrustDomains", not_trust_domains),
        },
        ip_blocks: Lists {
            any_of: ("ipBlocks", ip_blocks),
            none_of: ("notIpBlocks", not_ip_blocks),
        },
        remote_ip_blocks: Lists {
            any_of: ("remoteIpBlocks", remote_ip_blocks),
            none_of: ("notRemoteIpBlocks", not_remote_ip_blocks),
        },
    }
}

/// What Istio's admission refuses of the fields together.
fn check(fields: &Fields<'_>, scope: Scope<'_>, at: &Path<'_>, remarks: &mut Remarks) {
    let Fields {
        principals,
        request_principals,
        namespaces,
        service_accounts,
        trust_domains,
        ip_blocks,
        remote_ip_blocks,
    } = fields;
    let of_peers = [principals, namespaces, service_accounts, trust_domains];
    let all_empty = of_peers
        .iter()
        .chain(&[request_principals, ip_blocks, remote_ip_blocks])
        .all(|lists| lists.is_empty());
    if all_empty {
        remarks
            .error(at, "empty-block", "must have at least one field")
            .advise("leave out the whole \"from\" to match every source");
    }
    for field in of_peers
        .iter()
        .chain(&[request_principals])
        .flat_map(|lists| lists.written())
    {
        refuse_with_custom(scope, &at.field(field), remarks);
    }
    let other = principals.written().chain(namespaces.written()).next();
    if let (Some(field), Some(other)) = (service_accounts.written().next(), other) {
        effect::conflict(&at.field(field), other, remarks);
    }
    values::check_accounts(*service_accounts, at, remarks);
}
