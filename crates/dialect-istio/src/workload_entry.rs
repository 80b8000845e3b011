//! WorkloadEntry, and what the endpoints of a ServiceEntry have in common with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_api::{Object, istio};
use ferromesh_mesh::decl::endpoints::EndpointState;
use ferromesh_mesh::decl::workload::{PeerTls, Workload, WorkloadKind};
use ferromesh_mesh::decl::{Declaration, Labels};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::{Locality, Namespace, Network, ServiceAccount, WorkloadName};
use ferromesh_mesh::path::Path;

use crate::{bounds, effect, faults, host, port, selector};

const UNIX: &str = "unix://";
/// Envoy refuses instances whose weights overflow 32 bits in sum.
const HEAVIEST: u32 = 1 << 24;

/// Lowers a WorkloadEntry into a workload, which is ready as long as it is there.
pub fn lower(object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    let spec = Path::Root("spec");
    let Some(entry) = faults::read::<istio::WorkloadEntry>(object.spec(), &spec, remarks) else {
        return Vec::new();
    };
    let metadata = &object.metadata;
    let address = lower_address(&entry, &spec, remarks);
    let instance = lower_instance(&entry, &metadata.labels, &spec, remarks);
    let addresses = match address {
        Some(Address::Ip(address)) => vec![address],
        Some(Address::Name(address)) => {
            let message = "is a name, which is not resolved yet: the workload gets no traffic";
            remarks
                .warning(&spec.field("address"), "no-effect-yet", message)
                .advise("write its IP address");
            vec![address]
        }
        Some(Address::Elsewhere) => Vec::new(),
        None => return Vec::new(),
    };
    vec![Declaration::Workload(Arc::new(Workload {
        name: WorkloadName {
            namespace: Namespace::from(metadata.namespace.as_str()),
            name: Arc::from(metadata.name.as_str()),
        },
        kind: WorkloadKind::Entry,
        addresses,
        state: EndpointState::Ready,
        labels: instance.labels,
        service_account: instance.service_account,
        peer_tls: instance.peer_tls,
        node: None,
        locality: Some(instance.locality).filter(|locality| !locality.is_unknown()),
        network: instance.network,
        ports: instance.ports,
        weight: instance.weight,
        origin: remarks.origin(&spec),
    }))]
}

/// Where an instance is.
pub(crate) enum Address {
    /// An IP address.
    Ip(Arc<str>),
    /// A DNS name.
    Name(Arc<str>),
    /// Where we can't reach it yet: a Unix domain socket, or behind the gateway of a network.
    Elsewhere,
}

/// The address of an entry that stands at the path `at`; `None` if it is unsound.
pub(crate) fn lower_address(
    entry: &istio::WorkloadEntry,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Address> {
    let field = at.field("address");
    let address = entry.address.as_str();
    bounds::at_most_bytes(256, address, &field, remarks);
    if address.is_empty() {
        if entry.network.is_empty() {
            remarks.error(&field, "missing-field", "is required");
            return None;
        }
        remarks.warning(
            &field,
            "no-effect-yet",
            "is empty: the gateway of the network is not used yet",
        );
        return Some(Address::Elsewhere);
    }
    if let Some(path) = address.strip_prefix(UNIX) {
        if !entry.ports.is_empty() {
            effect::conflict(&at.field("ports"), "a Unix domain socket", remarks);
        }
        check_socket(path, &field, remarks)?;
        effect::not_yet(&field, remarks);
        return Some(Address::Elsewhere);
    }
    if host::is_address(address) {
        return Some(Address::Ip(Arc::from(address)));
    }
    match host::check_name(address) {
        Ok(()) => Some(Address::Name(Arc::from(address))),
        Err(message) => {
            remarks.error(&field, "invalid-address", message);
            None
        }
    }
}

/// The path of a Unix domain socket, or its abstract name; `None` if it is unsound.
pub(crate) fn check_socket(path: &str, at: &Path<'_>, remarks: &mut Remarks) -> Option<()> {
    if path.starts_with('@') || (path.starts_with('/') && !path.ends_with('/')) {
        return Some(());
    }
    remarks
        .error(
            at,
            "invalid-address",
            "must be the absolute path of a socket",
        )
        .advise("write unix:///path/to/socket, or unix://@name");
    None
}

/// What is known of an instance beside its address.
pub(crate) struct Instance {
    /// Labels.
    pub(crate) labels: Arc<Labels>,
    /// Service account; empty = none.
    pub(crate) service_account: ServiceAccount,
    /// Whether it speaks the mesh's TLS.
    pub(crate) peer_tls: PeerTls,
    /// Locality.
    pub(crate) locality: Locality,
    /// Network.
    pub(crate) network: Network,
    /// Ports by name.
    pub(crate) ports: BTreeMap<Arc<str>, u16>,
    /// Weight, at least 1.
    pub(crate) weight: u32,
}

/// What an entry at the path `at` says of an instance beside its address. The object's own
/// labels win over those in the entry.
pub(crate) fn lower_instance(
    entry: &istio::WorkloadEntry,
    own_labels: &BTreeMap<String, String>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Instance {
    let istio::WorkloadEntry {
        address: _,
        ports,
        labels,
        network,
        locality,
        weight,
        service_account,
    } = entry;
    bounds::at_most(256, labels.len(), &at.field("labels"), remarks);
    bounds::at_most_bytes(2048, network, &at.field("network"), remarks);
    bounds::at_most_bytes(2048, locality, &at.field("locality"), remarks);
    let account = at.field("serviceAccount");
    bounds::at_most_bytes(253, service_account, &account, remarks);
    // An entry without an address has been told of its network already.
    if !entry.address.is_empty() && !network.is_empty() {
        effect::not_yet(&at.field("network"), remarks);
    }
    let mut labels = selector::lower_labels(labels, &at.field("labels"), remarks);
    labels.extend(
        own_labels
            .iter()
            .map(|(key, value)| (Arc::from(key.as_str()), Arc::from(value.as_str()))),
    );
    if *weight > HEAVIEST {
        remarks.error(
            &at.field("weight"),
            bounds::OUT_OF_RANGE,
            format!("{weight} is more than {HEAVIEST}"),
        );
    }
    Instance {
        service_account: ServiceAccount::from(service_account.as_str()),
        peer_tls: lower_peer_tls(service_account, &labels),
        locality: lower_locality(locality, &labels),
        network: lower_network(network, &labels),
        ports: lower_ports(ports, &at.field("ports"), remarks),
        weight: (*weight).clamp(1, HEAVIEST),
        labels: Arc::new(labels),
    }
}

/// Whether an instance speaks the mesh's TLS: its label says so, or else its having an account
/// (Istio's rule for entries).
fn lower_peer_tls(account: &str, labels: &Labels) -> PeerTls {
    match labels.get("security.istio.io/tlsMode").map(|mode| &**mode) {
        Some("istio") => PeerTls::Mesh,
        Some(_) => PeerTls::Plain,
        None if account.is_empty() => PeerTls::Plain,
        None => PeerTls::Mesh,
    }
}

/// The locality as written, else that of Istio's labels, which may have dots instead of slashes.
fn lower_locality(written: &str, labels: &Labels) -> Locality {
    if !written.is_empty() {
        return Locality::parse(written);
    }
    let label = ["topology.istio.io/locality", "istio-locality"]
        .into_iter()
        .find_map(|key| labels.get(key).filter(|value| !value.is_empty()));
    match label {
        Some(label) if label.contains('/') => Locality::parse(label),
        Some(label) => Locality::parse(&label.replace('.', "/")),
        None => Locality::default(),
    }
}

fn lower_network(written: &str, labels: &Labels) -> Network {
    let label = labels
        .get("topology.istio.io/network")
        .map(|label| &**label);
    match written {
        "" => Network::from(label.unwrap_or_default()),
        written => Network::from(written),
    }
}

fn lower_ports(
    ports: &BTreeMap<String, u32>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> BTreeMap<Arc<str>, u16> {
    bounds::at_most(128, ports.len(), at, remarks);
    let mut lowered = BTreeMap::new();
    for (name, number) in ports {
        let at = at.field(name);
        check_port_name(name, &at, remarks);
        if let Some(number) = port::lower(*number, &at, remarks) {
            lowered.insert(Arc::from(name.as_str()), number);
        }
    }
    lowered
}

/// Whether this is the name of a port; if not, it is an error.
pub(crate) fn check_port_name(name: &str, at: &Path<'_>, remarks: &mut Remarks) -> bool {
    if name.is_empty() {
        remarks.error(at, "missing-field", "is required");
        return false;
    }
    if !host::is_label(name) {
        remarks.error(
            at,
            "invalid-name",
            format!("invalid port name {name:?} (letters, digits and \"-\" only)"),
        );
        return false;
    }
    true
}
