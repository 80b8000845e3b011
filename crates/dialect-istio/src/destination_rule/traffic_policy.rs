//! The policies of a DestinationRule: for all ports, by port, and by subset.

use std::collections::BTreeMap;

use ferromesh_api::istio;
use ferromesh_api::part::Part;
use ferromesh_mesh::decl::traffic_policy::{PolicySet, TrafficPolicy};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::retry_budget::RetryBudget;
use serde_json::Value;

use crate::locality::Ejection;
use crate::{
    connection_pool, effect, faults, host, load_balancer, outlier, port, retry_budget, tls,
};

/// Whose policy it is.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// The author's namespace.
    pub(super) namespace: &'a Namespace,
    /// For a subset, the policy for all subsets.
    pub(super) above: Option<&'a PolicySet>,
}

impl Scope<'_> {
    /// The retry budget of a port with a policy of its own. A port's policy has no field for it,
    /// so Istio leaves that of the rule in force for a subset's port; without a subset, the
    /// port's policy stands alone.
    fn budget_of_port(&self, port: u16) -> Option<RetryBudget> {
        let above = self.above?;
        if above.ports.contains_key(&port) {
            return None;
        }
        above.all.retry_budget.clone()
    }
}

/// A traffic policy at the path `at`.
pub(super) fn lower(
    policy: &Part<istio::TrafficPolicy>,
    scope: Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> PolicySet {
    let Some(policy) = faults::read_part(policy, at, remarks) else {
        return unreadable(policy.value());
    };
    let istio::TrafficPolicy {
        load_balancer,
        connection_pool,
        outlier_detection,
        tls,
        port_level_settings,
        tunnel,
        proxy_protocol,
        retry_budget,
    } = policy;
    if load_balancer.is_none()
        && connection_pool.is_none()
        && outlier_detection.is_none()
        && tls.is_none()
        && port_level_settings.is_empty()
        && tunnel.is_none()
        && proxy_protocol.is_none()
        && retry_budget.is_none()
    {
        remarks.error(at, "empty-block", "must have at least one field");
    }
    if tunnel.is_some() && proxy_protocol.is_some() {
        effect::conflict(&at.field("proxyProtocol"), "tunnel", remarks);
    }
    if let Some(tunnel) = tunnel {
        check_tunnel(&tunnel, &at.field("tunnel"), remarks);
    }
    if let Some(proxy_protocol) = proxy_protocol {
        let at = at.field("proxyProtocol");
        faults::read_part(&proxy_protocol, &at, remarks);
        effect::not_yet(&at, remarks);
    }
    let blocks = Blocks {
        load_balancer,
        connection_pool,
        outlier_detection,
        tls,
    };
    let retry_budget = retry_budget.and_then(|budget| {
        let at = at.field("retryBudget");
        let budget = faults::read_part(&budget, &at, remarks)?;
        Some(retry_budget::lower(&budget, &at, remarks))
    });
    PolicySet {
        all: blocks.lower(retry_budget, scope.namespace, at, remarks),
        ports: lower_ports(&port_level_settings, scope, at, remarks),
    }
}

/// What is left of a policy that can't be read. If it asks for TLS, nothing else will do.
fn unreadable(policy: &Value) -> PolicySet {
    let mut lowered = PolicySet::default();
    lowered.all.tls = policy.get("tls").map(|_| tls::refuse("", ""));
    lowered
}

/// What a policy for all ports and a policy for one port have in common.
struct Blocks {
    load_balancer: Option<Part<istio::LoadBalancer>>,
    connection_pool: Option<Part<istio::ConnectionPool>>,
    outlier_detection: Option<Part<istio::OutlierDetection>>,
    tls: Option<Part<istio::ClientTls>>,
}

impl Blocks {
    fn lower(
        self,
        retry_budget: Option<RetryBudget>,
        namespace: &Namespace,
        at: &Path<'_>,
        remarks: &mut Remarks,
    ) -> TrafficPolicy {
        let Self {
            load_balancer,
            connection_pool,
            outlier_detection,
            tls,
        } = self;
        let ejection = if outlier_detection.is_some() {
            Ejection::Possible
        } else {
            Ejection::Missing
        };
        let balancer = load_balancer.and_then(|balancer| {
            let at = at.field("loadBalancer");
            let balancer = faults::read_part(&balancer, &at, remarks)?;
            Some(load_balancer::lower(&balancer, ejection, &at, remarks))
        });
        let (load_balancer, locality) = match balancer {
            Some((balancer, locality)) => (Some(balancer), locality),
            None => (None, None),
        };
        let connection_pool = connection_pool.and_then(|pool| {
            let at = at.field("connectionPool");
            let pool = faults::read_part(&pool, &at, remarks)?;
            Some(connection_pool::lower(&pool, &at, remarks))
        });
        let outlier = outlier_detection.and_then(|outlier| {
            let at = at.field("outlierDetection");
            let outlier = faults::read_part(&outlier, &at, remarks)?;
            Some(outlier::lower(&outlier, &at, remarks))
        });
        let tls = tls.map(|tls| tls::lower(&tls, namespace, &at.field("tls"), remarks));
        TrafficPolicy {
            load_balancer,
            locality,
            connection_pool,
            outlier,
            retry_budget,
            tls,
        }
    }
}

/// Policies by port; the first for a port counts, as in Istio.
fn lower_ports(
    ports: &[Part<istio::PortTrafficPolicy>],
    scope: Scope<'_>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> BTreeMap<u16, TrafficPolicy> {
    let list = at.field("portLevelSettings");
    let mut lowered = BTreeMap::new();
    for (index, part) in ports.iter().enumerate() {
        let at = list.item(index);
        let Some(policy) = faults::read_part(part, &at, remarks) else {
            continue;
        };
        let istio::PortTrafficPolicy {
            port,
            load_balancer,
            connection_pool,
            outlier_detection,
            tls,
        } = policy;
        let blocks = Blocks {
            load_balancer,
            connection_pool,
            outlier_detection,
            tls,
        };
        if blocks.load_balancer.is_none()
            && blocks.connection_pool.is_none()
            && blocks.outlier_detection.is_none()
            && blocks.tls.is_none()
        {
            remarks.error(&at, "empty-block", "must have a field beside port");
        }
        let number = lower_port(port.as_ref(), &at.field("port"), remarks);
        let budget = number.and_then(|number| scope.budget_of_port(number));
        let policy = blocks.lower(budget, scope.namespace, &at, remarks);
        let Some(number) = number else { continue };
        if lowered.contains_key(&number) {
            let reason = format!("port {number} is written before");
            effect::none(&at, &reason, remarks);
            continue;
        }
        lowered.insert(number, policy);
    }
    lowered
}

fn lower_port(
    selector: Option<&istio::PortSelector>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<u16> {
    let Some(istio::PortSelector { number }) = selector else {
        remarks.error(at, "missing-field", "is required");
        return None;
    };
    // Istio accepts any number here, and a wrong one means no port.
    let sound = u16::try_from(*number).ok().filter(|number| *number > 0);
    if sound.is_none() {
        effect::none(
            &at.field("number"),
            &format!("port {number} is not in the range 1..65535"),
            remarks,
        );
    }
    sound
}

fn check_tunnel(tunnel: &Part<istio::Tunnel>, at: &Path<'_>, remarks: &mut Remarks) {
    effect::not_yet(at, remarks);
    let Some(tunnel) = faults::read_part(tunnel, at, remarks) else {
        return;
    };
    let istio::Tunnel {
        protocol,
        target_host,
        target_port,
    } = tunnel;
    if !matches!(protocol.as_str(), "" | "CONNECT" | "POST") {
        remarks.error(
            &at.field("protocol"),
            "invalid-protocol",
            format!("unknown tunnel protocol {protocol:?} (write \"CONNECT\" or \"POST\")"),
        );
    }
    if !host::is_address(&target_host)
        && let Err(message) = host::check_name(&target_host)
    {
        remarks.error(&at.field("targetHost"), "invalid-host", message);
    }
    port::lower(target_port, &at.field("targetPort"), remarks);
}
