//! Annotations without an effect: none is passed over in silence.

use ferromesh_mesh::closest::closest;
use std::collections::BTreeMap;

use super::name::ALL;

/// Istio's annotations of pods that have no effect here, and what to do about it.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    (
        "sidecar.istio.io/bootstrapOverride",
        "Envoy's bootstrap is the agent's; use an EnvoyFilter for what is configured over xDS",
    ),
    (
        "sidecar.istio.io/capNetBindService",
        "allow low ports by the sysctl net.ipv4.ip_unprivileged_port_start in spec.securityContext.sysctls",
    ),
    (
        "sidecar.istio.io/componentLogLevel",
        "sidecar.istio.io/logLevel sets the level of all components",
    ),
    (
        "sidecar.istio.io/controlPlaneAuthPolicy",
        "the control plane always speaks mutual TLS",
    ),
    (
        "sidecar.istio.io/discoveryAddress",
        "set discoveryAddress in proxy.istio.io/config",
    ),
    (
        "sidecar.istio.io/enableCoreDump",
        "core dumps need privileges that the proxy does not get",
    ),
    ("sidecar.istio.io/extraStatTags", STATS),
    ("sidecar.istio.io/statsCompression", STATS),
    ("sidecar.istio.io/statsEvictionInterval", STATS),
    ("sidecar.istio.io/statsFlushInterval", STATS),
    ("sidecar.istio.io/statsHistogramBuckets", STATS),
    ("sidecar.istio.io/statsInclusionPrefixes", STATS),
    ("sidecar.istio.io/statsInclusionRegexps", STATS),
    ("sidecar.istio.io/statsInclusionSuffixes", STATS),
    (
        "readiness.status.sidecar.istio.io/applicationPorts",
        "the application's own readiness probe says whether it listens",
    ),
    (
        "prometheus.istio.io/secure-port",
        "metrics are served in plain text on port 15020",
    ),
];

const STATS: &str = "statistics are what the agent keeps";

/// Families of annotations that are all about injection, so that a name that is not known is a misspelt one.
const FAMILIES: &[&str] = &[
    "sidecar.istio.io/",
    "traffic.sidecar.istio.io/",
    "status.sidecar.istio.io/",
    "readiness.status.sidecar.istio.io/",
    "inject.istio.io/",
    "proxy.istio.io/",
];

/// Remarks about annotations without an effect.
pub(crate) fn remarks(annotations: &BTreeMap<String, String>) -> Vec<String> {
    annotations.keys().filter_map(|name| remark(name)).collect()
}

fn remark(name: &str) -> Option<String> {
    let path = || crate::refusal::annotation_path(name);
    if let Some((_, way_out)) = WITHOUT_EFFECT.iter().find(|(known, _)| *known == name) {
        return Some(format!("{}: has no effect ({way_out})", path()));
    }
    if ALL.contains(&name) || !FAMILIES.iter().any(|family| name.starts_with(family)) {
        return None;
    }
    let meant = closest(name, ALL.iter().copied()).map_or_else(
        || "see Istio's reference of annotations".to_owned(),
        |known| format!("did you mean {known:?}?"),
    );
    Some(format!(
        "{}: is not known and has no effect ({meant})",
        path()
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::remarks;

    #[test]
    fn what_has_no_effect_is_said() {
        for (name, part) in [
            (
                "sidecar.istio.io/bootstrapOverride",
                Some("has no effect (Envoy"),
            ),
            (
                "sidecar.istio.io/proxyCpu",
                Some("did you mean \"sidecar.istio.io/proxyCPU\"?"),
            ),
            (
                "proxy.istio.io/confg",
                Some("did you mean \"proxy.istio.io/config\"?"),
            ),
            ("proxy.istio.io/banana", Some("see Istio's reference")),
            ("sidecar.istio.io/proxyCPU", None),
            ("example.com/sidecar", None),
        ] {
            let said = remarks(&BTreeMap::from([(name.to_owned(), String::new())]));
            match part {
                Some(part) => assert!(said.concat().contains(part), "{said:?}"),
                None => assert!(said.is_empty(), "{said:?}"),
            }
        }
    }
}
