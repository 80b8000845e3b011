//! The manifests that every mesh needs, with the addresses of its workloads.

use std::net::IpAddr;

use super::Settings;

/// The label of what speaks the mesh's TLS, as the injector writes it.
pub const MESHED: (&str, &str) = ("security.istio.io/tlsMode", "istio");

/// A Pod that runs and is ready, with these labels and, if it has a proxy, that of the mesh's TLS.
pub fn pod(workload: &Settings, labels: &[(&str, &str)]) -> String {
    let Settings {
        name,
        namespace,
        address,
        account,
        has_proxy,
        ..
    } = workload;
    let mut labels: String = labels
        .iter()
        .chain(has_proxy.then_some(&MESHED))
        .map(|(key, value)| format!("    {key}: \"{value}\"\n"))
        .collect();
    if labels.is_empty() {
        labels += "    {}\n";
    }
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  namespace: {namespace}\n  labels:\n{labels}\
         spec:\n  serviceAccountName: {account}\n  containers: []\n\
         status:\n  phase: Running\n  podIP: {address}\n  podIPs:\n  - ip: {address}\n  \
         conditions:\n  - type: Ready\n    status: \"True\"\n---\n"
    )
}

/// A Service with ports `(name, port, target port)` that selects the label `app: NAME`.
pub fn service(namespace: &str, name: &str, ports: &[(&str, u16, u16)]) -> String {
    let ports: String = ports
        .iter()
        .map(|(name, port, target)| {
            format!("  - name: {name}\n    port: {port}\n    targetPort: {target}\n")
        })
        .collect();
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  namespace: {namespace}\n\
         spec:\n  selector:\n    app: {name}\n  ports:\n{ports}---\n"
    )
}

/// An EndpointSlice of a service with ports `(name, target port)` and these ready pods. It has the service's name, so a
/// second one replaces the first.
pub fn endpoint_slice<'settings>(
    namespace: &str,
    service: &str,
    ports: &[(&str, u16)],
    pods: impl IntoIterator<Item = &'settings Settings>,
) -> String {
    let ports: String = ports
        .iter()
        .map(|(name, port)| format!("- name: {name}\n  port: {port}\n"))
        .collect();
    let mut family = "IPv4";
    let mut endpoints = String::new();
    for Settings {
        name,
        namespace,
        address,
        ..
    } in pods
    {
        if matches!(address, IpAddr::V6(_)) {
            family = "IPv6";
        }
        endpoints += &format!(
            "- addresses: [\"{address}\"]\n  conditions: {{ready: true, serving: true, terminating: false}}\n  \
             targetRef: {{kind: Pod, name: {name}, namespace: {namespace}}}\n"
        );
    }
    let endpoints = if endpoints.is_empty() {
        "endpoints: []\n".to_owned()
    } else {
        format!("endpoints:\n{endpoints}")
    };
    format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: {service}\n  namespace: {namespace}\n  \
         labels:\n    kubernetes.io/service-name: {service}\naddressType: {family}\nports:\n{ports}{endpoints}---\n"
    )
}
