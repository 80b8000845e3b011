//! VirtualService.

mod conflicts;
mod cors;
mod destination;
mod direct_response;
mod fault;
mod forward;
mod gateways;
mod headers;
mod hosts;
mod l4;
mod matches;
mod mirror;
mod percent;
mod reachability;
mod redirect;
mod rewrite;
mod rule;
mod status;
mod timeout;
mod weight;

use std::sync::Arc;

use ferromesh_api as api;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::decl::http_routes::{HttpRoutes, HttpRule};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::path::Path;
use serde_json::Value;

use crate::export::{self, Nobody};
use crate::faults;
use gateways::Binding;

/// What the parts of a VirtualService have in common.
struct Scope<'a> {
    /// The author's namespace.
    namespace: &'a Namespace,
    /// What it is bound to.
    binding: Binding,
    /// Whether others delegate to it.
    is_delegate: bool,
}

/// Lowers a VirtualService. What Istio's admission refuses are errors, what it warns about and
/// what has no effect are warnings; the sound rules for the sidecars are declared.
pub fn lower(object: &api::Object, remarks: &mut Remarks) -> Vec<Declaration> {
    let at = Path::Root("spec");
    let Some(spec) = faults::read::<api::istio::VirtualService>(object.spec(), &at, remarks) else {
        return Vec::new();
    };
    let namespace = Namespace::from(object.metadata.namespace.as_str());
    let binding = gateways::lower(&spec.gateways, &at.field("gateways"), remarks);
    check_form(&spec, &at, remarks);
    let scope = Scope {
        namespace: &namespace,
        binding,
        is_delegate: spec.hosts.is_empty(),
    };
    let hosts_at = at.field("hosts");
    let hosts = hosts::lower(
        &spec.hosts,
        &scope,
        has_sni_hosts(&spec),
        &hosts_at,
        remarks,
    );
    let rules = lower_rules(
        &spec.http,
        object.spec(),
        &scope,
        &at.field("http"),
        remarks,
    );
    l4::check_tls(&spec.tls, &spec.hosts, &scope, &at.field("tls"), remarks);
    l4::check_tcp(&spec.tcp, &scope, &at.field("tcp"), remarks);
    let export_at = at.field("exportTo");
    let export = export::lower(
        &spec.export_to,
        &namespace,
        Nobody::Refused,
        &export_at,
        remarks,
    );
    if binding == Binding::Gateways || hosts.is_empty() || rules.is_empty() {
        return Vec::new();
    }
    let metadata = &object.metadata;
    vec![Declaration::HttpRoutes(Arc::new(HttpRoutes {
        name: Arc::from(metadata.name.as_str()),
        hosts,
        export,
        rules,
        age: Age::new(
            &metadata.creation_timestamp,
            &metadata.name,
            &metadata.namespace,
        ),
        origin: remarks.origin(&at),
        namespace,
    }))]
}

/// What a VirtualService must have, and what a delegate must not.
fn check_form(spec: &api::istio::VirtualService, at: &Path<'_>, remarks: &mut Remarks) {
    if spec.http.is_empty() && spec.tcp.is_empty() && spec.tls.is_empty() {
        remarks.error(at, "missing-field", "one of http, tls and tcp is required");
    }
    if !spec.hosts.is_empty() {
        return;
    }
    remarks
        .warning(
            &at.field("hosts"),
            "no-effect-yet",
            "without hosts, this is a delegate, which has no effect yet",
        )
        .advise("name the hosts whose requests it routes");
    for (field, is_set) in [
        ("gateways", !spec.gateways.is_empty()),
        ("tls", !spec.tls.is_empty()),
        ("tcp", !spec.tcp.is_empty()),
    ] {
        if is_set {
            remarks.error(
                &at.field(field),
                "conflicting-fields",
                format!("{field} can't be set in a delegate (a VirtualService without hosts)"),
            );
        }
    }
}

/// Whether any rule for TLS matches by SNI.
fn has_sni_hosts(spec: &api::istio::VirtualService) -> bool {
    spec.tls.iter().any(|part| {
        part.read("")
            .0
            .is_some_and(|rule| rule.matches.iter().any(|m| !m.sni_hosts.is_empty()))
    })
}

fn lower_rules(
    rules: &[api::part::Part<api::istio::HttpRoute>],
    raw: &Value,
    scope: &Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<HttpRule> {
    let raw = raw.get("http");
    let rules: Vec<_> = rules
        .iter()
        .enumerate()
        .map(|(index, part)| {
            let raw = raw.and_then(|list| list.get(index)).unwrap_or(&Value::Null);
            rule::lower(part, raw, scope, &at.item(index), remarks)
        })
        .collect();
    reachability::check(&rules, at, remarks);
    rules
        .into_iter()
        .enumerate()
        .filter_map(|(index, rule)| rule?.for_mesh(&at.item(index), remarks))
        .collect()
}
