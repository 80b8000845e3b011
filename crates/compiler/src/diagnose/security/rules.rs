//! Rules of AuthorizationPolicies that never match where they are in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::decl::authorization::AuthorizationPolicy;
use ferromesh_mesh::decl::mesh_config::MeshConfig;
use ferromesh_mesh::decl::workload::Workload;
use ferromesh_mesh::diagnostic::Diagnostic;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::origin::Origin;
use ferromesh_mesh::policy::authorization::{
    Action, Condition, Operation, PathMatch, Rule, TextAttribute, TextMatch,
};
use ferromesh_mesh::policy::path_normalization::PathNormalization;
use ferromesh_mesh::policy::set::Set;
use ferromesh_mesh::view::listener::InboundTraffic;

use super::{Census, named, warn};
use crate::index::guards::GuardKind;
use crate::index::reading::Reading;
use crate::link::inbound;
use crate::question::pairs;

/// Checks the rules of a policy.
pub(super) fn check(
    policy: &AuthorizationPolicy,
    census: &Census,
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    let mesh = reading.mesh().clone();
    let selected: Vec<_> = census
        .selected(&policy.namespace, &policy.selector)
        .collect();
    let served: Vec<_> = selected
        .iter()
        .map(|workload| (*workload, inbound::traffic_by_port(workload, reading)))
        .collect();
    for rule in &policy.rules {
        check_tcp(policy, rule, &served, list);
        check_ports(policy, rule, &served, list);
        check_tokens(rule, &selected, reading, list);
        check_principals(rule, census, &mesh, list);
        if policy.action == Action::Deny {
            check_paths(rule, mesh.security.paths, list);
        }
    }
}

type Served<'c> = (&'c Arc<Workload>, Option<BTreeMap<u16, InboundTraffic>>);

/// Fields that only requests have, on ports that have none.
fn check_tcp(
    policy: &AuthorizationPolicy,
    rule: &Rule,
    served: &[Served<'_>],
    list: &mut Vec<Diagnostic>,
) {
    let Some(field) = of_requests(rule) else {
        return;
    };
    let mut ports = served
        .iter()
        .flat_map(|(workload, ports)| ports.iter().flatten().map(move |port| (workload, port)));
    let tcp = ports.find(|(_, (port, traffic))| {
        matches!(traffic, InboundTraffic::Tcp { .. }) && concerns(rule, **port)
    });
    let Some((workload, (port, _))) = tcp else {
        return;
    };
    let what = match policy.action {
        Action::Allow => "the rule never matches there",
        Action::Deny | Action::Audit | Action::Custom(_) => {
            "there the field is left out, so that the rule matches more"
        }
    };
    let message = format!(
        "is for requests, and port {port} of {} speaks TCP: {what}",
        named(workload)
    );
    list.push(
        warn(&rule.origin.field(&field), "requests-only", message)
            .hint("name the ports of HTTP services in to.operation.ports, and write rules of their own for the others"),
    );
}

/// Whether a rule may match connections to a port.
fn concerns(rule: &Rule, port: u16) -> bool {
    let allows = |ports: &Set<u16>| {
        (ports.any_of.is_empty() || ports.any_of.contains(&port)) && !ports.none_of.contains(&port)
    };
    let operations = &rule.operations;
    let conditions = rule.conditions.iter();
    (operations.is_empty() || operations.iter().any(|operation| allows(&operation.ports)))
        && conditions.clone().all(|condition| match condition {
            Condition::Port(ports) => allows(ports),
            _ => true,
        })
}

/// The first field of a rule that only requests have.
fn of_requests(rule: &Rule) -> Option<String> {
    let sources = rule.sources.iter().enumerate();
    let mut found = sources.filter_map(|(at, source)| {
        let field = side(
            &source.request_principals,
            "requestPrincipals",
            "notRequestPrincipals",
        )?;
        Some(format!("from[{at}].source.{field}"))
    });
    let operations = rule.operations.iter().enumerate();
    let mut operations = operations.filter_map(|(at, operation)| {
        let Operation {
            hosts,
            methods,
            paths,
            ports: _,
        } = operation;
        let field = side(hosts, "hosts", "notHosts")
            .or_else(|| side(methods, "methods", "notMethods"))
            .or_else(|| side(paths, "paths", "notPaths"))?;
        Some(format!("to[{at}].operation.{field}"))
    });
    let conditions = rule.conditions.iter().enumerate();
    let mut conditions = conditions.filter_map(|(at, condition)| {
        let is_of_requests = match condition {
            Condition::Text(attribute, _) => {
                matches!(attribute, TextAttribute::Header(_)) || is_of_token(attribute)
            }
            Condition::Address(..) | Condition::Port(_) | Condition::Account(_) => false,
        };
        is_of_requests.then(|| format!("when[{at}].key"))
    });
    found
        .next()
        .or_else(|| operations.next())
        .or_else(|| conditions.next())
}

fn side<T>(set: &Set<T>, any: &'static str, none: &'static str) -> Option<&'static str> {
    if !set.any_of.is_empty() {
        Some(any)
    } else if !set.none_of.is_empty() {
        Some(none)
    } else {
        None
    }
}

fn is_of_token(attribute: &TextAttribute) -> bool {
    match attribute {
        TextAttribute::RequestPrincipal
        | TextAttribute::Audiences
        | TextAttribute::Presenter
        | TextAttribute::Claim(_) => true,
        TextAttribute::Header(_)
        | TextAttribute::Namespace
        | TextAttribute::Principal
        | TextAttribute::TrustDomain
        | TextAttribute::ServerName
        | TextAttribute::FilterMetadata(..) => false,
    }
}

/// Ports that no workload serves.
fn check_ports(
    policy: &AuthorizationPolicy,
    rule: &Rule,
    served: &[Served<'_>],
    list: &mut Vec<Diagnostic>,
) {
    if served.is_empty() || policy.selector.is_empty() {
        return;
    }
    for (at, operation) in rule.operations.iter().enumerate() {
        for (index, port) in operation.ports.any_of.iter().enumerate() {
            let has = |(_, ports): &Served<'_>| {
                ports.as_ref().is_none_or(|ports| ports.contains_key(port))
            };
            if served.iter().any(has) {
                continue;
            }
            let Some((workload, _)) = served.first() else {
                continue;
            };
            let message = format!("port {port} of {} belongs to no service", named(workload));
            let field = format!("to[{at}].operation.ports[{index}]");
            list.push(
                warn(&rule.origin.field(&field), "unknown-port", message)
                    .hint("write the port of the workload, which is the service's targetPort"),
            );
        }
    }
}

/// What tokens say, where nobody verifies tokens.
fn check_tokens(
    rule: &Rule,
    selected: &[&Arc<Workload>],
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    let sources = rule.sources.iter().enumerate();
    let of_source = sources.filter_map(|(at, source)| {
        let set = &source.request_principals;
        let field = side(set, "requestPrincipals", "notRequestPrincipals")?;
        Some(format!("from[{at}].source.{field}"))
    });
    let conditions = rule.conditions.iter().enumerate();
    let of_condition = conditions.filter_map(|(at, condition)| match condition {
        Condition::Text(attribute, _) if is_of_token(attribute) => Some(format!("when[{at}].key")),
        _ => None,
    });
    let Some(field) = of_source.chain(of_condition).next() else {
        return;
    };
    let without = selected.iter().find(|w| !verifies_tokens(w, reading));
    if let Some(workload) = without {
        let message = format!(
            "no RequestAuthentication selects {}: no request there has a token that counts",
            named(workload)
        );
        list.push(
            warn(
                &rule.origin.field(&field),
                "missing-request-authentication",
                message,
            )
            .hint("declare a RequestAuthentication that selects the same workloads"),
        );
    }
}

fn verifies_tokens(workload: &Workload, reading: &mut Reading<'_>) -> bool {
    let root = reading.mesh().root_namespace.clone();
    [&workload.name.namespace, &root].into_iter().any(|author| {
        pairs(&workload.labels).any(|pair| {
            reading.guards(author, pair).any(|guard| {
                guard.kind == GuardKind::Tokens && guard.selector.selects(&workload.labels)
            })
        })
    })
}

/// Principals of trust domains that are not the mesh's, and of accounts that nobody has.
fn check_principals(rule: &Rule, census: &Census, mesh: &MeshConfig, list: &mut Vec<Diagnostic>) {
    for (at, source) in rule.sources.iter().enumerate() {
        for (index, principal) in source.principals.any_of.iter().enumerate() {
            let (TextMatch::Exact(text) | TextMatch::Prefix(text)) = principal else {
                continue;
            };
            let is_exact = matches!(principal, TextMatch::Exact(_));
            let field = rule
                .origin
                .field(&format!("from[{at}].source.principals[{index}]"));
            list.extend(check_principal(text, is_exact, &field, census, mesh));
        }
    }
}

fn check_principal(
    text: &str,
    is_exact: bool,
    field: &Origin,
    census: &Census,
    mesh: &MeshConfig,
) -> Option<Diagnostic> {
    let (domain, rest) = text.split_once('/')?;
    let security = &mesh.security;
    let own = || std::iter::once(&security.trust_domain).chain(&security.trust_domain_aliases);
    let others = security.authorities.iter().flat_map(|a| &a.trust_domains);
    if !own().chain(others).any(|known| known.as_str() == domain) {
        let message = format!(
            "{domain} is neither the trust domain of the mesh nor an alias: matches nobody"
        );
        return Some(warn(field, "foreign-trust-domain", message).hint(format!(
            "write {}, or add {domain} to trustDomainAliases",
            security.trust_domain
        )));
    }
    if !is_exact || !own().any(|known| known.as_str() == domain) {
        return None;
    }
    let (namespace, account) = rest.strip_prefix("ns/")?.split_once("/sa/")?;
    let workloads = census.of(&Namespace::from(namespace));
    let has = |workload: &Arc<Workload>| workload.service_account.as_str() == account;
    (!workloads.is_empty() && !workloads.iter().any(has)).then(|| {
        let message = format!("no workload of namespace {namespace} runs as {account}");
        warn(field, "unknown-account", message)
            .hint("write the serviceAccountName of the client's Pod")
    })
}

/// Paths that another spelling passes, as long as the mesh tells them apart.
fn check_paths(rule: &Rule, paths: PathNormalization, list: &mut Vec<Diagnostic>) {
    let variant = match paths {
        PathNormalization::None => "with \"/./\" or \"//\"",
        PathNormalization::Base => "with \"//\"",
        PathNormalization::MergeSlashes | PathNormalization::DecodeAndMergeSlashes => return,
    };
    for (at, operation) in rule.operations.iter().enumerate() {
        let fixed = operation.paths.any_of.iter().position(|path| {
            matches!(
                path,
                PathMatch::Text(TextMatch::Exact(text) | TextMatch::Prefix(text)) if text.len() > 1
            )
        });
        if let Some(index) = fixed {
            let message = format!(
                "the same path {variant} in it is not denied, which the application may take for the same"
            );
            let field = format!("to[{at}].operation.paths[{index}]");
            list.push(
                warn(&rule.origin.field(&field), "path-variants", message).hint(
                    "set pathNormalization.normalization: MERGE_SLASHES in the mesh configuration, or write what is allowed instead",
                ),
            );
            return;
        }
    }
}
