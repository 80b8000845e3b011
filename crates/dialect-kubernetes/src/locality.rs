//! Where something runs, as labels say it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::name::Locality;

const REGION: [&str; 2] = [
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/region",
];
const ZONE: [&str; 2] = [
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
];
const SUBZONE: &str = "topology.istio.io/subzone";
const WHOLE: [&str; 2] = ["topology.istio.io/locality", "istio-locality"];

/// A node's locality.
pub fn of_node(labels: &BTreeMap<String, String>) -> Locality {
    let first = |keys: &[&str]| {
        let value = keys.iter().find_map(|key| labels.get(*key));
        Arc::from(value.map_or("", |value| value))
    };
    Locality {
        region: first(&REGION),
        zone: first(&ZONE),
        subzone: first(&[SUBZONE]),
    }
}

/// A pod's locality, if it says so itself: `region.zone.subzone`, since a label can't have a
/// slash (Istio reads one nevertheless).
pub fn of_pod(labels: &BTreeMap<String, String>) -> Option<Locality> {
    let text = WHOLE
        .iter()
        .find_map(|key| labels.get(*key))
        .filter(|text| !text.is_empty())?;
    if text.contains('/') {
        return Some(Locality::parse(text));
    }
    Some(Locality::parse(&text.replacen('.', "/", 2)))
}
