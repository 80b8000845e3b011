//! MeshConfig, the document `mesh.yaml`.

mod authorities;
mod later;
mod providers;
mod proxy;
mod security;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ferromesh_api::part::Part;
use ferromesh_api::{Object, istio};
use ferromesh_mesh::decl::http_routes::Retry;
use ferromesh_mesh::decl::mesh_config::{MeshConfig, MeshSecurity, OutboundPolicy};
use ferromesh_mesh::decl::{Declaration, Visibility};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::access_log::AccessLog;
use ferromesh_mesh::policy::keepalive::TcpKeepalive;
use ferromesh_mesh::policy::locality::LocalityPolicy;

use crate::locality::Ejection;
use crate::{access_log, bounds, duration, effect, faults, host, keepalive, locality, retry};

/// Istio's mesh configuration where none is written.
pub fn default_mesh_config() -> MeshConfig {
    MeshConfig {
        outbound: OutboundPolicy::AllowAny,
        default_retry: Some(retry::default_policy()),
        connect_timeout: Duration::from_secs(10),
        tcp_keepalive: None,
        service_export: Visibility::All,
        routes_export: Visibility::All,
        policies_export: Visibility::All,
        protocol_detection_timeout: Duration::ZERO,
        access_log: AccessLog::Off,
        root_namespace: Namespace::from("istio-system"),
        locality: LocalityPolicy::Nearest {
            failover: Vec::new(),
        },
        dns_refresh: Duration::from_secs(60),
        security: MeshSecurity::default(),
    }
}

/// Lowers a mesh configuration: an object whose `spec` is the document. Unsound fields are errors
/// and have their defaults.
pub fn lower(object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    let spec = Path::Root("spec");
    let Some(config) = faults::read::<istio::MeshConfig>(object.spec(), &spec, remarks) else {
        return Vec::new();
    };
    later::remark(&config, &spec, remarks);
    let default = default_mesh_config();
    let export = |list: &[String], field: &str, remarks: &mut Remarks| {
        lower_export(list, &spec.field(field), remarks)
    };
    let lowered = MeshConfig {
        outbound: lower_outbound(&config, &spec, remarks).unwrap_or(default.outbound),
        default_retry: lower_retry(&config, &spec, remarks).unwrap_or(default.default_retry),
        connect_timeout: lower_connect_timeout(&config, &spec, remarks)
            .unwrap_or(default.connect_timeout),
        tcp_keepalive: lower_keepalive(config.tcp_keepalive.as_ref(), &spec, remarks),
        service_export: export(
            &config.default_service_export_to,
            "defaultServiceExportTo",
            remarks,
        ),
        routes_export: export(
            &config.default_virtual_service_export_to,
            "defaultVirtualServiceExportTo",
            remarks,
        ),
        policies_export: export(
            &config.default_destination_rule_export_to,
            "defaultDestinationRuleExportTo",
            remarks,
        ),
        protocol_detection_timeout: lower_detection_timeout(&config, &spec, remarks)
            .unwrap_or(default.protocol_detection_timeout),
        access_log: access_log::lower(&config, &spec, remarks),
        root_namespace: config
            .root_namespace
            .as_deref()
            .map_or(default.root_namespace, Namespace::from),
        locality: lower_locality(config.locality_lb_setting.as_ref(), &spec, remarks)
            .unwrap_or(default.locality),
        dns_refresh: lower_dns_refresh(&config, &spec, remarks).unwrap_or(default.dns_refresh),
        security: security::lower(&config, &spec, remarks),
    };
    vec![Declaration::MeshConfig(Arc::new(lowered))]
}

/// `None` = the default.
fn lower_outbound(
    config: &istio::MeshConfig,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<OutboundPolicy> {
    let at = spec.field("outboundTrafficPolicy");
    let policy = faults::read_part(config.outbound_traffic_policy.as_ref()?, &at, remarks)?;
    let istio::MeshOutboundPolicy { mode, tls } = policy;
    if tls.is_some() {
        effect::not_yet(&at.field("tls"), remarks);
    }
    Some(match mode {
        istio::MeshOutboundMode::RegistryOnly => OutboundPolicy::RegistryOnly,
        istio::MeshOutboundMode::AllowAny => OutboundPolicy::AllowAny,
        istio::MeshOutboundMode::AllowAnyDynamicDns => {
            remarks.warning(
                &at.field("mode"),
                "no-effect-yet",
                "ALLOW_ANY_DYNAMIC_DNS is taken as ALLOW_ANY yet",
            );
            OutboundPolicy::AllowAny
        }
    })
}

/// `None` = the default; `Some(None)` = no retries.
fn lower_retry(
    config: &istio::MeshConfig,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Option<ferromesh_mesh::policy::retry::RetryPolicy>> {
    let at = spec.field("defaultHttpRetryPolicy");
    let policy = faults::read_part(config.default_http_retry_policy.as_ref()?, &at, remarks)?;
    match retry::lower(&policy, &at, remarks) {
        Retry::MeshDefault => None,
        Retry::Off => Some(None),
        Retry::Policy(policy) => Some(Some(policy)),
    }
}

fn lower_connect_timeout(
    config: &istio::MeshConfig,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(3600);
    let at = spec.field("connectTimeout");
    let timeout = bounds::millis(config.connect_timeout.as_deref(), &at, remarks)?;
    if timeout > LONGEST {
        remarks.error(&at, "invalid-duration", "must be at most 1h");
        return None;
    }
    Some(timeout)
}

/// Zero is allowed here: Envoy waits as long as it takes.
fn lower_detection_timeout(
    config: &istio::MeshConfig,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Duration> {
    let at = spec.field("protocolDetectionTimeout");
    let text = config.protocol_detection_timeout.as_deref()?;
    match ferromesh_api::duration::parse(text) {
        Ok(Duration::ZERO) => Some(Duration::ZERO),
        _ => duration::lower_millis(text, &at, remarks),
    }
}

/// Envoy refuses 1 ms and less.
fn lower_dns_refresh(
    config: &istio::MeshConfig,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Duration> {
    let at = spec.field("dnsRefreshRate");
    let rate = bounds::millis(config.dns_refresh_rate.as_deref(), &at, remarks)?;
    if rate <= Duration::from_millis(1) {
        remarks.error(&at, "invalid-duration", "must be more than 1ms");
        return None;
    }
    Some(rate)
}

fn lower_keepalive(
    keepalive: Option<&Part<istio::TcpKeepalive>>,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<TcpKeepalive> {
    let at = spec.field("tcpKeepalive");
    let keepalive = faults::read_part(keepalive?, &at, remarks)?;
    Some(keepalive::lower_tcp(&keepalive, &at, remarks))
}

fn lower_locality(
    setting: Option<&Part<istio::LocalityLbSetting>>,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<LocalityPolicy> {
    let at = spec.field("localityLbSetting");
    let setting = faults::read_part(setting?, &at, remarks)?;
    Some(locality::lower(&setting, Ejection::Possible, &at, remarks))
}

/// Who may see objects that say nothing; an empty list means everybody.
fn lower_export(list: &[String], at: &Path<'_>, remarks: &mut Remarks) -> Visibility {
    if list.is_empty() || list.iter().any(|entry| entry == "*") {
        return Visibility::All;
    }
    if let [only] = list
        && only == "."
    {
        return Visibility::Own;
    }
    let mut namespaces = BTreeSet::new();
    for (index, entry) in list.iter().enumerate() {
        let at = at.item(index);
        match entry.as_str() {
            // Nobody, beside those whom other entries name.
            "~" => {}
            "." => {
                remarks.warning(
                    &at,
                    "no-effect-yet",
                    "\".\" has no effect yet beside other namespaces",
                );
            }
            name if host::is_label(name) => {
                namespaces.insert(Namespace::from(name));
            }
            _ => {
                remarks.error(
                    &at,
                    "invalid-export",
                    format!("invalid namespace {entry:?}"),
                );
            }
        }
    }
    Visibility::Only(namespaces)
}
