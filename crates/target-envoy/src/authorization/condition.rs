//! Conditions on attributes.

use std::sync::Arc;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;
use ipnet::IpNet;

use envoy::matcher::string_matcher::MatchPattern;
use envoy::rbac::permission::Rule;
use envoy::rbac::{Permission, Principal};
use mesh::policy::authorization::{AddressAttribute, Condition, TextAttribute, TextMatch};
use mesh::policy::set::Set;

use super::logic::{Logic, demands, permission};
use super::operation::port;
use super::rule::{NotThere, Scope};
use super::text::{Case, Like, header, like, matcher};
use super::{peers, source, tokens};
use crate::names::is_header_name;

/// What a condition demands.
#[derive(Default)]
pub(super) struct Demand {
    /// Of who asks.
    pub(super) principals: Vec<Principal>,
    /// Of what is asked for.
    pub(super) permissions: Vec<Permission>,
}

/// What a condition demands.
pub(super) fn demand(condition: &Condition, scope: &Scope<'_>) -> Result<Demand, NotThere> {
    Ok(match condition {
        Condition::Text(attribute, set) => text(attribute, set, scope)?,
        Condition::Address(attribute, set) => address(*attribute, set),
        Condition::Port(set) => of_asked(demands(set, port)),
        Condition::Account(set) => of_asker(demands(set, peers::account)),
    })
}

fn of_asker(principals: Vec<Principal>) -> Demand {
    Demand {
        principals,
        ..Demand::default()
    }
}

fn of_asked(permissions: Vec<Permission>) -> Demand {
    Demand {
        permissions,
        ..Demand::default()
    }
}

fn text(
    attribute: &TextAttribute,
    set: &Set<TextMatch>,
    scope: &Scope<'_>,
) -> Result<Demand, NotThere> {
    let security = scope.security;
    Ok(of_asker(match attribute {
        TextAttribute::Header(name) => scope.of_requests(set, |it| request_header(name, it))?,
        TextAttribute::Namespace => demands(set, peers::namespace),
        TextAttribute::Principal => demands(set, |it| peers::principal(it, security)),
        TextAttribute::TrustDomain => demands(set, peers::trust_domain),
        TextAttribute::RequestPrincipal => {
            scope.of_requests(set, |it| tokens::principal(it, security))?
        }
        TextAttribute::Audiences => scope.of_requests(set, |it| tokens::claim(&["aud"], it))?,
        TextAttribute::Presenter => scope.of_requests(set, |it| tokens::claim(&["azp"], it))?,
        TextAttribute::Claim(path) => {
            let path: Vec<&str> = path.iter().map(|it| &**it).collect();
            scope.of_requests(set, |it| tokens::claim(&path, it))?
        }
        TextAttribute::ServerName => return Ok(of_asked(demands(set, server_name))),
        TextAttribute::FilterMetadata(filter, path) => {
            let path: Vec<&str> = path.iter().map(|it| &**it).collect();
            demands(set, |it| tokens::metadata(filter, &path, it))
        }
    }))
}

/// A header. Envoy keeps `host` as `:authority`; what can be no header's name names none.
fn request_header(name: &Arc<str>, text: &TextMatch) -> Principal {
    match &**name {
        "host" => header(":authority", text, Case::Sensitive),
        name if is_header_name(name) => header(name, text, Case::Sensitive),
        _ => Principal::never(),
    }
}

fn server_name(text: &TextMatch) -> Permission {
    let is = |pattern| {
        permission(Rule::RequestedServerName(matcher(
            pattern,
            Case::Insensitive,
        )))
    };
    match like(text) {
        // Envoy knows no difference between an empty name and none.
        Like::Any | Like::NotEmpty => is(MatchPattern::Exact(String::new())).not(),
        Like::Pattern(MatchPattern::Exact(name)) if name.is_empty() => Permission::never(),
        Like::Pattern(pattern) => is(pattern),
    }
}

fn address(attribute: AddressAttribute, set: &Set<IpNet>) -> Demand {
    match attribute {
        AddressAttribute::Source => of_asker(demands(set, source::direct)),
        AddressAttribute::Remote => of_asker(demands(set, source::remote)),
        AddressAttribute::Destination => of_asked(demands(set, |block| {
            permission(Rule::DestinationIp(source::range(block)))
        })),
    }
}
