//! What is wrong where a proxy is.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use ferromesh_mesh::diagnostic::{Diagnostic, Severity};
use ferromesh_mesh::policy::tls::ClientTls;
use ferromesh_mesh::view::cluster::ClusterName;

use super::{ports, warn};
use crate::audience::Facet;
use crate::index::Index;
use crate::index::reading::Reading;
use crate::link::claims::{Capture, Claims, Place, Slot};
use crate::link::policies::Merged;
use crate::link::proxies::LinkedProxy;
use crate::proxy::{Certificates, Interception, Proxy};
use crate::scopes::ScopeState;

/// A proxy, what it is, and what it faces.
#[derive(Debug)]
pub(crate) struct Facing<'c> {
    /// Who asked.
    pub(crate) proxy: &'c Proxy,
    /// What it is.
    pub(crate) linked: &'c LinkedProxy,
    /// Its outbound listeners.
    pub(crate) facet: Facet,
    /// What its scope has.
    pub(crate) state: &'c ScopeState,
    /// What is declared.
    pub(crate) index: &'c Index,
}

/// Checks a proxy.
pub(crate) fn proxy(facing: &Facing<'_>, list: &mut Vec<Diagnostic>) {
    let Facing { proxy, linked, .. } = facing;
    let name = format!("{}.{}", proxy.workload.name, proxy.workload.namespace);
    if !linked.is_known {
        list.push(Diagnostic {
            severity: Severity::Warning,
            code: "unknown-workload",
            object: None,
            path: "".into(),
            message: format!(
                "proxy {name}: there is no such Pod or WorkloadEntry, so that nothing is served inbound"
            ),
            hint: Some(
                "declare a Pod or WorkloadEntry of this name, or correct --workload and --namespace"
                    .to_owned(),
            ),
        });
    }
    check_certificates(&name, facing, list);
    check_sockets(&name, facing, list);
}

/// Sockets that several want.
fn check_sockets(name: &str, facing: &Facing<'_>, list: &mut Vec<Diagnostic>) {
    let Facing {
        proxy,
        linked,
        facet,
        state,
        index: _,
    } = facing;
    let (
        Interception::None(bound),
        Facet::Bound {
            http_proxy_port,
            taken,
            ..
        },
    ) = (&proxy.interception, facet)
    else {
        return;
    };
    if bound.http_proxy_port != *http_proxy_port
        && let Some(port) = bound.http_proxy_port
    {
        list.push(Diagnostic {
            severity: Severity::Warning,
            code: "port-taken",
            object: None,
            path: "".into(),
            message: format!(
                "proxy {name}: the HTTP proxy port {port} is taken by an inbound port"
            ),
            hint: None,
        });
    }
    for (socket, origin) in &linked.inbound.unbound {
        let message = format!("proxy {name}: {socket} is not bound, because the app listens there");
        list.push(
            warn(origin, "port-taken", message)
                .hint("let the app listen on another address, such as 127.0.0.1"),
        );
    }
    let reserved: BTreeSet<SocketAddr> = taken
        .iter()
        .chain(http_proxy_port)
        .map(|port| SocketAddr::new(bound.outbound, *port))
        .collect();
    for (slot, claims) in state.claims() {
        if slot.capture == Capture::Bound {
            ports::conflicts(slot, claims, list);
            check_slot(slot, claims, (name, bound.outbound), &reserved, list);
        }
    }
}

/// Whether a slot's port is one that the proxy or its app has already.
fn check_slot(
    slot: &Slot,
    claims: &Claims,
    (name, outbound): (&str, IpAddr),
    reserved: &BTreeSet<SocketAddr>,
    list: &mut Vec<Diagnostic>,
) {
    let address = match slot.place {
        Place::Socket(Some(address)) => address,
        Place::Socket(None) | Place::Anywhere | Place::Address(_) => outbound,
    };
    if !reserved.contains(&SocketAddr::new(address, slot.port)) {
        return;
    }
    for claim in claims.all() {
        let message = format!(
            "port {} of {} is not bound for proxy {name}: the proxy or its app has that port",
            slot.port,
            claim.host()
        );
        list.push(warn(&claim.origin, "port-taken", message));
    }
}

/// What a proxy without certificates can't do.
fn check_certificates(name: &str, facing: &Facing<'_>, list: &mut Vec<Diagnostic>) {
    let hint = "let its agent connect to the control plane by TLS (--token, --root-cert)";
    for (port, origin) in &facing.linked.inbound.unenforced {
        let message = format!(
            "proxy {name} has no certificate: port {port} takes connections without mutual TLS all the same"
        );
        list.push(warn(origin, "without-certificate", message).hint(hint));
    }
    if facing.proxy.certificates == Certificates::Sds {
        return;
    }
    let mut reading = Reading::new(facing.index);
    for planned in facing.state.plans.values().flat_map(|p| &p.backends) {
        let ClusterName::Outbound { port, subset, host } = &planned.key.name else {
            continue;
        };
        let merged = Merged::read(&planned.key.policies, &mut reading);
        let tls = merged.effective(*port, subset.as_ref()).tls;
        if let (Some(ClientTls::Mesh { .. }), Some(origin)) = (tls, merged.origin(subset.as_ref()))
        {
            let message = format!(
                "proxy {name} has no certificate: connections to {host} are made without mutual TLS"
            );
            list.push(warn(origin, "without-certificate", message).hint(hint));
        }
    }
}
