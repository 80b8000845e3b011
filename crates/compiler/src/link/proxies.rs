//! What a proxy is: its workload, its scope and what it serves.

use ferromesh_mesh::decl::sidecar::Sidecar;
use ferromesh_mesh::decl::workload::Workload;
use std::net::IpAddr;
use std::sync::Arc;

use super::attributes::Attributes;
use super::inbound::{Inbound, Site};
use super::scope::ScopeKey;
use crate::identity::DeclId;
use crate::index::reading::Reading;
use crate::proxy::Proxy;

/// What a proxy is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinkedProxy {
    /// Its outlook.
    pub(crate) scope: ScopeKey,
    /// Whether its workload is known.
    pub(crate) is_known: bool,
    /// What its workload is; nothing if that is unknown.
    pub(crate) attributes: Attributes,
    /// Which address families its workload has.
    pub(crate) families: Families,
    /// What it serves.
    pub(crate) inbound: Inbound,
}

/// Address families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Families {
    /// IPv4.
    pub(crate) v4: bool,
    /// IPv6.
    pub(crate) v6: bool,
}

impl Families {
    fn of(workload: Option<&Workload>) -> Self {
        let addresses = || {
            workload
                .into_iter()
                .flat_map(|workload| &workload.addresses)
                .filter_map(|address| address.parse::<IpAddr>().ok())
        };
        let v6 = addresses().any(|address| address.is_ipv6());
        Self {
            v4: !v6 || addresses().any(|address| address.is_ipv4()),
            v6,
        }
    }
}

impl LinkedProxy {
    /// What a proxy is.
    pub(crate) fn link(proxy: &Proxy, reading: &mut Reading<'_>) -> Self {
        let workload = reading.workload(&proxy.workload).cloned();
        let attributes = workload
            .as_ref()
            .map(|workload| Attributes::of(workload, reading))
            .unwrap_or_default();
        let sidecar = sidecar(proxy, &attributes, workload.is_some(), reading);
        let families = Families::of(workload.as_deref());
        let (sidecar, found) = sidecar.unzip();
        let scope = ScopeKey {
            namespace: proxy.workload.namespace.clone(),
            sidecar,
        };
        let site = Site {
            proxy,
            workload: workload.as_deref(),
            sidecar: found.as_deref(),
            families,
            scope: &scope,
        };
        let inbound = Inbound::link(&site, reading);
        Self {
            scope,
            is_known: workload.is_some(),
            attributes,
            families,
            inbound,
        }
    }
}

/// The effective Sidecar: the oldest that selects the workload, else the oldest of the namespace
/// without selector, else that of the root namespace.
fn sidecar(
    proxy: &Proxy,
    attributes: &Attributes,
    is_known: bool,
    reading: &mut Reading<'_>,
) -> Option<(DeclId, Arc<Sidecar>)> {
    let namespace = &proxy.workload.namespace;
    let root = reading.mesh().root_namespace.clone();
    let own: Vec<_> = reading.sidecars(namespace).collect();
    let selecting = own.iter().find(|(_, sidecar)| {
        let selector = &sidecar.selector;
        is_known && !selector.is_empty() && selector.selects(&attributes.labels)
    });
    let default = own.iter().find(|(_, sidecar)| sidecar.selector.is_empty());
    selecting
        .or(default)
        .copied()
        .or_else(|| {
            reading
                .sidecars(&root)
                .find(|(_, sidecar)| sidecar.selector.is_empty())
        })
        .map(|(seniority, sidecar)| (seniority.id.clone(), sidecar.clone()))
}
