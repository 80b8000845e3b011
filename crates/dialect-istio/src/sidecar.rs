//! Sidecar.

mod egress;
mod ingress;
mod server_tls;

use std::sync::Arc;

use ferromesh_api::part::Part;
use ferromesh_api::{Object, istio};
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::decl::mesh_config::OutboundPolicy;
use ferromesh_mesh::decl::sidecar::{CaptureMode, Sidecar};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::path::Path;

use crate::{bounds, connection_pool, effect, faults, host, port, selector};

/// Lowers a Sidecar.
pub fn lower(object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    let spec = Path::Root("spec");
    let Some(sidecar) = faults::read::<istio::Sidecar>(object.spec(), &spec, remarks) else {
        return Vec::new();
    };
    let istio::Sidecar {
        workload_selector,
        ingress,
        egress,
        outbound_traffic_policy,
        inbound_connection_pool,
    } = &sidecar;
    if ingress.is_empty()
        && egress.is_empty()
        && outbound_traffic_policy.is_none()
        && inbound_connection_pool.is_none()
    {
        remarks.error(
            &spec,
            "empty-block",
            "must have a field beside workloadSelector",
        );
    }
    let metadata = &object.metadata;
    let namespace = Namespace::from(metadata.namespace.as_str());
    let selector = workload_selector.as_ref().map(|selector| {
        let at = spec.field("workloadSelector");
        let at = at.field("labels");
        bounds::at_most(256, selector.labels.len(), &at, remarks);
        selector::lower(&selector.labels, &at, remarks)
    });
    let inbound_pool = lower_pool(
        inbound_connection_pool.as_ref(),
        &spec.field("inboundConnectionPool"),
        remarks,
    );
    vec![Declaration::Sidecar(Arc::new(Sidecar {
        name: Arc::from(metadata.name.as_str()),
        selector: selector.unwrap_or_default(),
        egress: egress::lower_all(egress, &namespace, &spec.field("egress"), remarks),
        ingress: ingress::lower_all(ingress, &spec.field("ingress"), remarks),
        outbound: outbound_traffic_policy.as_ref().and_then(|policy| {
            lower_outbound(policy, &spec.field("outboundTrafficPolicy"), remarks)
        }),
        inbound_pool,
        age: Age::new(
            &metadata.creation_timestamp,
            &metadata.name,
            &metadata.namespace,
        ),
        origin: remarks.origin(&spec),
        namespace,
    }))]
}

fn lower_pool(
    pool: Option<&Part<istio::ConnectionPool>>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<ferromesh_mesh::policy::connection_pool::ConnectionPool> {
    let pool = faults::read_part(pool?, at, remarks)?;
    Some(connection_pool::lower(&pool, at, remarks))
}

fn lower_capture(mode: istio::CaptureMode) -> CaptureMode {
    match mode {
        istio::CaptureMode::Default => CaptureMode::Default,
        istio::CaptureMode::Iptables => CaptureMode::Redirect,
        istio::CaptureMode::None => CaptureMode::None,
    }
}

fn lower_outbound(
    policy: &Part<istio::SidecarOutboundPolicy>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<OutboundPolicy> {
    let policy = faults::read_part(policy, at, remarks)?;
    let istio::SidecarOutboundPolicy { mode, egress_proxy } = policy;
    if let Some(proxy) = egress_proxy {
        let at = at.field("egressProxy");
        if mode != istio::SidecarOutboundMode::AllowAny {
            effect::conflict(&at, "a mode other than ALLOW_ANY", remarks);
        }
        check_egress_proxy(&proxy, &at, remarks);
        effect::not_yet(&at, remarks);
    }
    Some(match mode {
        istio::SidecarOutboundMode::RegistryOnly => OutboundPolicy::RegistryOnly,
        istio::SidecarOutboundMode::AllowAny => OutboundPolicy::AllowAny,
    })
}

fn check_egress_proxy(proxy: &istio::EgressProxy, at: &Path<'_>, remarks: &mut Remarks) {
    let istio::EgressProxy { host, subset, port } = proxy;
    if let Err(message) = host::check_name(host) {
        remarks.error(&at.field("host"), "invalid-host", message);
    }
    if !subset.is_empty() && !host::is_label(subset) {
        remarks.error(
            &at.field("subset"),
            "invalid-name",
            format!("invalid subset name {subset:?}"),
        );
    }
    let at = at.field("port");
    match port {
        Some(istio::PortSelector { number }) => {
            port::lower(*number, &at.field("number"), remarks);
        }
        None => {
            remarks.error(&at, "missing-field", "is required");
        }
    }
}
