//! PeerAuthentication.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_api::part::Part;
use ferromesh_api::{Object, istio};
use ferromesh_mesh::decl::peer_authentication::PeerAuthentication;
use ferromesh_mesh::decl::{Declaration, Selector};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::mtls::{MtlsMode, MtlsSetting};

use crate::{faults, mtls, target};

/// What a policy says of the ports that it holds for.
struct Settings {
    mode: MtlsSetting,
    ports: BTreeMap<u16, MtlsSetting>,
}

/// Nothing but mutual TLS.
const STRICT: Settings = Settings {
    mode: MtlsSetting::Mode(MtlsMode::Strict),
    ports: BTreeMap::new(),
};

/// Lowers a PeerAuthentication. One that is unsound demands mutual TLS on all ports. (It is in
/// force only if no sound one was before.)
pub fn lower(object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    let spec = Path::Root("spec");
    let policy = faults::read::<istio::PeerAuthentication>(object.spec(), &spec, remarks);
    let (selector, settings) = match policy {
        Some(policy) => lower_spec(&policy, &spec, remarks),
        None => (Selector::default(), STRICT),
    };
    let is_sound = !remarks.has_errors();
    let Settings { mode, ports } = if is_sound { settings } else { STRICT };
    let metadata = &object.metadata;
    vec![Declaration::PeerAuthentication(Arc::new(
        PeerAuthentication {
            namespace: Namespace::from(metadata.namespace.as_str()),
            name: Arc::from(metadata.name.as_str()),
            selector,
            mode,
            ports,
            age: Age::new(
                &metadata.creation_timestamp,
                &metadata.name,
                &metadata.namespace,
            ),
            origin: remarks.origin(&spec),
        },
    ))]
}

fn lower_spec(
    policy: &istio::PeerAuthentication,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> (Selector, Settings) {
    let istio::PeerAuthentication {
        selector,
        mtls,
        port_level_mtls,
    } = policy;
    let selector = target::lower_selector(selector.as_ref(), spec, remarks);
    let mode = mtls::lower(mtls.as_ref(), &spec.field("mtls"), remarks);
    let at = spec.field("portLevelMtls");
    let ports = match port_level_mtls {
        Some(ports) => {
            check_ports(ports, &selector, &at, remarks);
            lower_ports(ports, &at, remarks)
        }
        None => BTreeMap::new(),
    };
    (selector, Settings { mode, ports })
}

fn check_ports(
    ports: &BTreeMap<String, Part<istio::MutualTls>>,
    selector: &Selector,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    if ports.is_empty() {
        remarks
            .error(at, "empty-block", "must have at least one port")
            .advise("leave it out if all ports have the same mode");
    } else if selector.is_empty() {
        remarks
            .error(
                at,
                "conflicting-fields",
                "needs a selector: ports are those of certain workloads",
            )
            .advise("write selector.matchLabels");
    }
}

fn lower_ports(
    ports: &BTreeMap<String, Part<istio::MutualTls>>,
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> BTreeMap<u16, MtlsSetting> {
    let mut lowered = BTreeMap::new();
    for (key, part) in ports {
        let at = at.field(key);
        let setting = mtls::lower(Some(part), &at, remarks);
        match key.parse::<u16>() {
            Ok(port) if port > 0 => {
                lowered.insert(port, setting);
            }
            _ => {
                remarks
                    .error(&at, "invalid-port", format!("{key:?} is no port"))
                    .advise("write a port of the workload, from 1 to 65535");
            }
        }
    }
    lowered
}
