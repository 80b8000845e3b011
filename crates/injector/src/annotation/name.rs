//! Names of annotations and labels.

macro_rules! names {
    ($($name:ident = $text:literal;)*) => {
        $(pub(crate) const $name: &str = $text;)*
        /// All of them.
        pub(crate) const ALL: &[&str] = &[$($text),*];
    };
}

names! {
    INJECT = "sidecar.istio.io/inject";
    REVISION = "istio.io/rev";
    STATUS = "sidecar.istio.io/status";
    TEMPLATES = "inject.istio.io/templates";
    PROXY_CONFIG = "proxy.istio.io/config";
    OVERRIDES = "proxy.istio.io/overrides";

    NATIVE_SIDECAR = "sidecar.istio.io/nativeSidecar";
    INTERCEPTION_MODE = "sidecar.istio.io/interceptionMode";
    PROXY_IMAGE = "sidecar.istio.io/proxyImage";
    PROXY_IMAGE_TYPE = "sidecar.istio.io/proxyImageType";
    PROXY_CPU = "sidecar.istio.io/proxyCPU";
    PROXY_CPU_LIMIT = "sidecar.istio.io/proxyCPULimit";
    PROXY_MEMORY = "sidecar.istio.io/proxyMemory";
    PROXY_MEMORY_LIMIT = "sidecar.istio.io/proxyMemoryLimit";
    LOG_LEVEL = "sidecar.istio.io/logLevel";
    AGENT_LOG_LEVEL = "sidecar.istio.io/agentLogLevel";
    REWRITE_PROBES = "sidecar.istio.io/rewriteAppHTTPProbers";
    USER_VOLUME = "sidecar.istio.io/userVolume";
    USER_VOLUME_MOUNT = "sidecar.istio.io/userVolumeMount";

    INCLUDE_INBOUND_PORTS = "traffic.sidecar.istio.io/includeInboundPorts";
    EXCLUDE_INBOUND_PORTS = "traffic.sidecar.istio.io/excludeInboundPorts";
    INCLUDE_OUTBOUND_PORTS = "traffic.sidecar.istio.io/includeOutboundPorts";
    EXCLUDE_OUTBOUND_PORTS = "traffic.sidecar.istio.io/excludeOutboundPorts";
    INCLUDE_OUTBOUND_IP_RANGES = "traffic.sidecar.istio.io/includeOutboundIPRanges";
    EXCLUDE_OUTBOUND_IP_RANGES = "traffic.sidecar.istio.io/excludeOutboundIPRanges";
    EXCLUDE_INTERFACES = "traffic.sidecar.istio.io/excludeInterfaces";
    KUBEVIRT_INTERFACES = "traffic.sidecar.istio.io/kubevirtInterfaces";
    REROUTE_INTERFACES = "istio.io/reroute-virtual-interfaces";

    STATUS_PORT = "status.sidecar.istio.io/port";
    READINESS_DELAY = "readiness.status.sidecar.istio.io/initialDelaySeconds";
    READINESS_PERIOD = "readiness.status.sidecar.istio.io/periodSeconds";
    READINESS_FAILURES = "readiness.status.sidecar.istio.io/failureThreshold";

    MERGE_METRICS = "prometheus.istio.io/merge-metrics";
    SCRAPE_TARGETS = "prometheus.istio.io/scrape-targets";

    TLS_MODE = "security.istio.io/tlsMode";
    CANONICAL_NAME = "service.istio.io/canonical-name";
    CANONICAL_REVISION = "service.istio.io/canonical-revision";
    NETWORK = "topology.istio.io/network";

    DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";
    DEFAULT_LOGS_CONTAINER = "kubectl.kubernetes.io/default-logs-container";
}
