//! What the kinds other than VirtualService become: YAML in,
//! facts of the declarations and remarks out.

mod authorization_policy;
mod destination_rule;
mod liveness;
mod load_balancer;
mod mesh_config;
mod mesh_security;
mod paths;
mod peer_authentication;
mod pools;
mod request_authentication;
mod rules;
mod service_entry;
mod sidecar;
mod tls;
mod unforeseen;
mod workload_entry;

use std::fmt::Write as _;
use std::sync::Arc;

use ferromesh_api::Object;
use ferromesh_dialect_istio as istio;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::diagnostic::{Diagnostic, Remarks, Severity};
use ferromesh_mesh::origin::ObjectRef;
use serde_json::{Value, json};

/// Lowers an object.
fn lower(kind: &str, content: Value) -> (Vec<Declaration>, Vec<Diagnostic>) {
    let object = Object::new(content).unwrap();
    let mut remarks = Remarks::new(Arc::new(ObjectRef {
        group: Arc::from(object.group()),
        kind: Arc::from(kind),
        namespace: Arc::from(object.metadata.namespace.as_str()),
        name: Arc::from(object.metadata.name.as_str()),
    }));
    let declarations = match kind {
        "DestinationRule" => istio::destination_rule::lower(&object, &mut remarks),
        "ServiceEntry" => istio::service_entry::lower(&object, &mut remarks),
        "WorkloadEntry" => istio::workload_entry::lower(&object, &mut remarks),
        "Sidecar" => istio::sidecar::lower(&object, &mut remarks),
        "AuthorizationPolicy" => istio::authorization_policy::lower(&object, &mut remarks),
        "PeerAuthentication" => istio::peer_authentication::lower(&object, &mut remarks),
        "RequestAuthentication" => istio::request_authentication::lower(&object, &mut remarks),
        "MeshConfig" => istio::mesh_config::lower(&object, &mut remarks),
        other => panic!("{other}"),
    };
    (declarations, remarks.into_list())
}

/// An object `x` of namespace `shop` with this spec.
fn object(kind: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": "x", "namespace": "shop", "labels": {"app": "own"}},
        "spec": spec,
    })
}

/// Remarks as `error CODE PATH`.
fn summary(remarks: &[Diagnostic]) -> Vec<String> {
    remarks
        .iter()
        .map(|remark| {
            let severity = match remark.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "info",
            };
            format!("{severity} {} {}", remark.code, remark.path)
        })
        .collect()
}

/// Checks that `spec` (YAML) becomes declarations whose debug text has each of the `facts` (one
/// that starts with `!` must be absent), with exactly these remarks.
#[track_caller]
fn check(kind: &str, spec: &str, facts: &[&str], remarks: &[&str]) {
    let spec: Value = serde_saphyr::from_str(spec).unwrap();
    check_object(kind, object(kind, spec), facts, remarks);
}

/// The same for a whole object.
#[track_caller]
fn check_object(kind: &str, content: Value, facts: &[&str], remarks: &[&str]) {
    let (declarations, list) = lower(kind, content);
    assert_eq!(summary(&list), remarks, "{list:#?}");
    let mut text = String::new();
    for declaration in &declarations {
        writeln!(text, "{declaration:?}").unwrap();
    }
    for fact in facts {
        match fact.strip_prefix('!') {
            Some(absent) => assert!(!text.contains(absent), "{absent} is in {text}"),
            None => assert!(text.contains(fact), "{fact} is not in {text}"),
        }
    }
}
