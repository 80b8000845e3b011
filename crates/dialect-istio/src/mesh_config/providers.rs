//! Extension providers, of which only authorizers have an effect yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ferromesh_api::istio;
use ferromesh_api::part::Part;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::ext_authz::ExternalAuthorizer;
use serde_json::Value;

use crate::{effect, ext_authz, faults};

/// The sound authorizers of a list at the path `at`, by name. A policy that names another one
/// refuses what it matches.
pub(super) fn lower(
    list: &[Part<istio::ExtensionProvider>],
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> BTreeMap<Arc<str>, ExternalAuthorizer> {
    let mut seen = BTreeSet::new();
    let mut lowered = BTreeMap::new();
    for (index, part) in list.iter().enumerate() {
        let at = at.item(index);
        let errors = remarks.errors();
        let Some(provider) = faults::read_part(part, &at, remarks) else {
            continue;
        };
        let authorizer = lower_one(&provider, &at, remarks);
        let authorizer = authorizer.filter(|_| remarks.errors() == errors);
        let name = &at.field("name");
        if provider.name.is_empty() {
            remarks.error(name, "missing-field", "is required");
        } else if !seen.insert(provider.name.clone()) {
            remarks
                .error(
                    name,
                    "duplicate-provider",
                    format!("{:?} is written before", provider.name),
                )
                .advise("rename one of them");
            // Nobody knows which one its policies mean.
            lowered.remove(provider.name.as_str());
        } else if let Some(authorizer) = authorizer {
            lowered.insert(Arc::from(provider.name.as_str()), authorizer);
        }
    }
    lowered
}

fn lower_one(
    provider: &istio::ExtensionProvider,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<ExternalAuthorizer> {
    let http = provider.envoy_ext_authz_http.as_ref();
    let grpc = provider.envoy_ext_authz_grpc.as_ref();
    let mut written: Vec<_> = others(provider)
        .into_iter()
        .filter(|(_, value)| value.is_some())
        .map(|(field, _)| field)
        .collect();
    for field in &written {
        effect::not_yet(&at.field(field), remarks);
    }
    written.extend(http.map(|_| "envoyExtAuthzHttp"));
    written.extend(grpc.map(|_| "envoyExtAuthzGrpc"));
    match written[..] {
        [_] => {}
        [] => {
            remarks
                .error(at, "missing-field", "must say what it provides")
                .advise("write envoyExtAuthzHttp or envoyExtAuthzGrpc");
        }
        [first, .., last] => {
            effect::conflict(&at.field(last), first, remarks);
            return None;
        }
    }
    let http_at = at.field("envoyExtAuthzHttp");
    let grpc_at = at.field("envoyExtAuthzGrpc");
    if let Some(part) = http {
        let written = faults::read_part(part, &http_at, remarks)?;
        return ext_authz::lower_http(&written, &http_at, remarks);
    }
    let written = faults::read_part(grpc?, &grpc_at, remarks)?;
    ext_authz::lower_grpc(&written, &grpc_at, remarks)
}

/// Providers that are no authorizers.
fn others(provider: &istio::ExtensionProvider) -> [(&'static str, &Option<Value>); 13] {
    let istio::ExtensionProvider {
        name: _,
        envoy_ext_authz_http: _,
        envoy_ext_authz_grpc: _,
        zipkin,
        lightstep,
        datadog,
        stackdriver,
        opencensus,
        skywalking,
        opentelemetry,
        prometheus,
        envoy_file_access_log,
        envoy_http_als,
        envoy_tcp_als,
        envoy_otel_als,
        sds,
    } = provider;
    [
        ("zipkin", zipkin),
        ("lightstep", lightstep),
        ("datadog", datadog),
        ("stackdriver", stackdriver),
        ("opencensus", opencensus),
        ("skywalking", skywalking),
        ("opentelemetry", opentelemetry),
        ("prometheus", prometheus),
        ("envoyFileAccessLog", envoy_file_access_log),
        ("envoyHttpAls", envoy_http_als),
        ("envoyTcpAls", envoy_tcp_als),
        ("envoyOtelAls", envoy_otel_als),
        ("sds", sds),
    ]
}
