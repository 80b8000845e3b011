//! What an installation says about the proxies of its pods.

use ferromesh_api::fields;
use ferromesh_api::istio::ProxyConfig;
use ferromesh_api::read::{self, Fault, FaultKind};
use ferromesh_mesh::closest::closest;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Refusal;
use crate::draft::Fields;
use crate::refusal::annotation_path;

/// How traffic gets into a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Interception {
    /// Nothing is captured: the proxy binds the ports of services and of the workload. Needs no privileges.
    None,
    /// The kernel redirects connections.
    Redirect,
    /// As `Redirect`, but the application sees the addresses of its clients. Envoy needs NET_ADMIN for that.
    Tproxy,
}

impl Interception {
    /// As users write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Redirect => "REDIRECT",
            Self::Tproxy => "TPROXY",
        }
    }
}

/// The settings of injection: YAML, as in the ConfigMap `ferromesh-injector` under the key `config`. Every field has a
/// default; fields that are not known are refused.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// The image of the proxy: Envoy, the agent and nft.
    pub image: String,
    /// When it is pulled; empty leaves it to Kubernetes.
    pub image_pull_policy: String,
    /// Secrets of the pod's namespace with which it is pulled.
    pub image_pull_secrets: Vec<String>,
    /// The namespace of the control plane, in which pods get no proxy.
    pub root_namespace: String,
    /// The trust domain of the mesh.
    pub trust_domain: String,
    /// Which revision of the control plane this is.
    pub revision: String,
    /// Other names of this revision: its tags. `default` makes it the one that `istio-injection: enabled` means.
    pub tags: Vec<String>,
    /// HOST:PORT of the control plane; empty for the Service `ferromesh`, or `ferromesh-REVISION`, of the root namespace.
    pub xds_address: String,
    /// HOST:PORT of who issues certificates; empty for the control plane.
    pub ca_address: String,
    /// The network that pods are in; empty for one network.
    pub network: String,
    /// How traffic gets into proxies.
    pub interception_mode: Interception,
    /// Whether the proxy is a restartable init container; else it is one of the pod's containers.
    pub native_sidecars: bool,
    /// Whether containers wait for a proxy that is one of them.
    pub hold_application_until_proxy_starts: bool,
    /// Whether the kubelet's probes go to the agent, which asks the application.
    #[serde(rename = "rewriteAppHTTPProbers")]
    pub rewrite_app_http_probers: bool,
    /// Whether the agent's metrics include those of the application.
    pub enable_prometheus_merge: bool,
    /// What the proxy gets: `requests` and `limits` as in a container.
    pub resources: Fields,
    /// What Envoy logs: trace, debug, info, warning, error, critical or off.
    pub log_level: String,
    /// What the agent logs: trace, debug, info, warn or error.
    pub agent_log_level: String,
    /// Envoy's worker threads, unless a pod says it.
    pub concurrency: u32,
    /// What is captured, unless a pod says it.
    pub capture: CaptureSettings,
    /// How often the kubelet asks whether a proxy is ready.
    pub readiness: ReadinessSettings,
    /// How many seconds a proxy may take for its first configuration and certificate. Long, because a control plane
    /// that is absent for a while must not end in CrashLoopBackOff.
    pub startup_failure_threshold: u32,
    /// `defaultConfig` of the mesh configuration: what `proxy.istio.io/config` of a pod adds to.
    pub default_config: Value,
}

/// What is captured by default, in the form of Istio's annotations.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CaptureSettings {
    /// `*` or ports.
    pub include_inbound_ports: String,
    /// Ports.
    pub exclude_inbound_ports: String,
    /// `*` or CIDR ranges.
    #[serde(rename = "includeOutboundIPRanges")]
    pub include_outbound_ip_ranges: String,
    /// CIDR ranges.
    #[serde(rename = "excludeOutboundIPRanges")]
    pub exclude_outbound_ip_ranges: String,
    /// Ports that are captured in any range.
    pub include_outbound_ports: String,
    /// Ports.
    pub exclude_outbound_ports: String,
}

impl Default for CaptureSettings {
    fn default() -> Self {
        Self {
            include_inbound_ports: "*".to_owned(),
            exclude_inbound_ports: String::new(),
            include_outbound_ip_ranges: "*".to_owned(),
            exclude_outbound_ip_ranges: String::new(),
            include_outbound_ports: String::new(),
            exclude_outbound_ports: String::new(),
        }
    }
}

/// The readiness probe of proxies.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReadinessSettings {
    /// Seconds before the first.
    pub initial_delay_seconds: u32,
    /// Seconds between two.
    pub period_seconds: u32,
    /// How many in a row make a pod unready.
    pub failure_threshold: u32,
}

impl Default for ReadinessSettings {
    fn default() -> Self {
        Self {
            initial_delay_seconds: 0,
            period_seconds: 15,
            failure_threshold: 4,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            image: "ferromesh/proxy:latest".to_owned(),
            image_pull_policy: String::new(),
            image_pull_secrets: Vec::new(),
            root_namespace: "ferromesh-system".to_owned(),
            trust_domain: "cluster.local".to_owned(),
            revision: "default".to_owned(),
            tags: Vec::new(),
            xds_address: String::new(),
            ca_address: String::new(),
            network: String::new(),
            interception_mode: Interception::Redirect,
            native_sidecars: true,
            hold_application_until_proxy_starts: false,
            rewrite_app_http_probers: true,
            enable_prometheus_merge: true,
            resources: default_resources(),
            log_level: "warning".to_owned(),
            agent_log_level: "info".to_owned(),
            concurrency: 2,
            capture: CaptureSettings::default(),
            readiness: ReadinessSettings::default(),
            startup_failure_threshold: 600,
            default_config: Value::Null,
        }
    }
}

/// Istio's. Requests and limits are both there, so that a ResourceQuota for either admits injected pods.
fn default_resources() -> Fields {
    let part = |cpu: &str, memory: &str| json!({"cpu": cpu, "memory": memory});
    Fields::from_iter([
        ("requests".to_owned(), part("100m", "128Mi")),
        ("limits".to_owned(), part("2", "1Gi")),
    ])
}

/// The setting that a misspelt one is most like.
fn meant(fault: &Fault) -> Option<&'static str> {
    if fault.kind != FaultKind::UnknownField {
        return None;
    }
    let (above, name) = fault.path.rsplit_once('.').unwrap_or(("", &fault.path));
    let known = match above {
        "" => fields::names::<Settings>(),
        "capture" => fields::names::<CaptureSettings>(),
        "readiness" => fields::names::<ReadinessSettings>(),
        _ => return None,
    };
    closest(name, known.iter().copied())
}

impl Settings {
    /// Reads settings.
    ///
    /// # Errors
    /// If a field is not known, has another type, or a value that no pod could use.
    pub fn read(value: &Value) -> Result<Self, Refusal> {
        let (settings, faults) = read::read::<Self>(value, "");
        match (settings, faults.into_iter().next()) {
            (Some(settings), None) => settings.checked(),
            (_, Some(fault)) => {
                let meant = meant(&fault);
                let refusal = Refusal::from(fault);
                Err(match meant {
                    Some(name) => Refusal {
                        hint: format!("did you mean {name:?}?"),
                        ..refusal
                    },
                    None => refusal,
                })
            }
            (None, None) => Err(Refusal::new("", "is unreadable", "write a mapping")),
        }
    }

    /// The settings, if an ordinary pod can be injected with them: so a fault shows when they are read, and not in
    /// each pod.
    fn checked(self) -> Result<Self, Refusal> {
        self.proxy_config()?;
        let pod = json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "a"}]}});
        let namespace = crate::NamespaceFacts::default();
        crate::inject(&pod, &self, &namespace).map_err(|refusal| Refusal {
            path: self.path_of(&refusal.path),
            ..refusal
        })?;
        Ok(self)
    }

    /// The setting that stands for an annotation.
    fn path_of(&self, path: &str) -> String {
        use crate::annotation::name;
        let known = [
            (name::LOG_LEVEL, "logLevel"),
            (name::AGENT_LOG_LEVEL, "agentLogLevel"),
            (name::INCLUDE_INBOUND_PORTS, "capture.includeInboundPorts"),
            (name::EXCLUDE_INBOUND_PORTS, "capture.excludeInboundPorts"),
            (
                name::INCLUDE_OUTBOUND_IP_RANGES,
                "capture.includeOutboundIPRanges",
            ),
            (
                name::EXCLUDE_OUTBOUND_IP_RANGES,
                "capture.excludeOutboundIPRanges",
            ),
            (name::INCLUDE_OUTBOUND_PORTS, "capture.includeOutboundPorts"),
            (name::EXCLUDE_OUTBOUND_PORTS, "capture.excludeOutboundPorts"),
        ];
        let found = known
            .into_iter()
            .find(|(name, _)| annotation_path(name) == path);
        found.map_or_else(|| path.to_owned(), |(_, setting)| setting.to_owned())
    }

    /// `defaultConfig`, read.
    pub(crate) fn proxy_config(&self) -> Result<ProxyConfig, Refusal> {
        let (config, faults) = read::read::<ProxyConfig>(&self.default_config, "defaultConfig");
        match (config, faults.into_iter().next()) {
            (Some(config), None) => Ok(config),
            (_, Some(fault)) => Err(Refusal::from(fault)),
            (None, None) => Err(Refusal::new(
                "defaultConfig",
                "is unreadable",
                "write a mapping",
            )),
        }
    }

    /// Whether this revision goes by a name.
    pub(crate) fn is_known_as(&self, revision: &str) -> bool {
        self.revision == revision || self.tags.iter().any(|tag| tag == revision)
    }

    /// HOST:PORT of the control plane.
    pub(crate) fn control_plane(&self) -> String {
        if !self.xds_address.is_empty() {
            return self.xds_address.clone();
        }
        let of_revision = match self.revision.as_str() {
            "" | "default" => String::new(),
            revision => format!("-{revision}"),
        };
        format!("ferromesh{of_revision}.{}.svc:15012", self.root_namespace)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use ferromesh_api::fields;

    use super::{CaptureSettings, ReadinessSettings, Settings};

    #[test]
    fn nothing_is_all_defaults() {
        assert_eq!(Settings::read(&Value::Null), Ok(Settings::default()));
        let settings = Settings::read(&json!({"rootNamespace": "mesh", "revision": "b"}));
        let address = settings.map(|settings| settings.control_plane());
        assert_eq!(address.as_deref(), Ok("ferromesh-b.mesh.svc:15012"));
    }

    #[test]
    fn a_misspelt_setting_is_named_beside_the_one_that_was_meant() {
        for (value, hint) in [
            (json!({"imgae": "x"}), "did you mean \"image\"?"),
            (
                json!({"capture": {"excludeInboundPort": "1"}}),
                "did you mean \"excludeInboundPorts\"?",
            ),
        ] {
            let refusal = Settings::read(&value).expect_err("no such setting");
            assert_eq!(refusal.hint, hint);
        }
    }

    #[test]
    fn the_chart_takes_exactly_the_settings_that_there_are() {
        let schema = include_str!("../../../charts/ferromesh/values.schema.json");
        let schema: Value = serde_json::from_str(schema).expect("JSON");
        let check = |pointer: &str, names: &[&str]| {
            let schema = schema.pointer(pointer).expect("a schema");
            assert_eq!(schema["additionalProperties"], false, "{pointer}");
            let properties = schema["properties"].as_object().expect("properties");
            let mut found: Vec<_> = properties.keys().map(String::as_str).collect();
            let mut names = names.to_vec();
            found.sort_unstable();
            names.sort_unstable();
            assert_eq!(found, names, "{pointer}");
        };
        let at = "/properties/injection";
        check(at, fields::names::<Settings>());
        check(
            &format!("{at}/properties/capture"),
            fields::names::<CaptureSettings>(),
        );
        check(
            &format!("{at}/properties/readiness"),
            fields::names::<ReadinessSettings>(),
        );
    }

    #[test]
    fn faults_name_their_field() {
        for (value, path) in [
            (json!({"imagee": "x"}), "imagee"),
            (json!({"capture": {"port": 1}}), "capture.port"),
            (json!({"concurrency": "2"}), "concurrency"),
            (json!({"logLevel": "loud"}), "logLevel"),
            (json!({"image": "a b"}), "image"),
            (json!({"rootNamespace": "a b"}), "rootNamespace"),
            (json!({"trustDomain": "a/b"}), "trustDomain"),
            (json!({"xdsAddress": "$(X)"}), "xdsAddress"),
            (json!({"imagePullPolicy": "Sometimes"}), "imagePullPolicy"),
            (
                json!({"resources": {"requests": {"cpu": "a"}}}),
                "resources.requests.cpu",
            ),
            (
                json!({"capture": {"excludeInboundPorts": "8080 } chain x {"}}),
                "capture.excludeInboundPorts",
            ),
            (
                json!({"defaultConfig": {"concurency": 1}}),
                "defaultConfig.concurency",
            ),
            (
                json!({"defaultConfig": {"concurrency": -1}}),
                "defaultConfig.concurrency",
            ),
        ] {
            let outcome = Settings::read(&value).map_err(|refusal| refusal.path);
            assert_eq!(outcome, Err(path.to_owned()), "{value}");
        }
    }
}
