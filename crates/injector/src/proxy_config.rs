//! `proxy.istio.io/config` over the mesh's `defaultConfig`: the part of Istio's ProxyConfig that is about one proxy's
//! process, typed.

use std::collections::BTreeMap;
use std::time::Duration;

use ferromesh_api::istio::ProxyConfig;
use ferromesh_api::{duration, read};
use serde::Deserialize;
use serde_json::Value;

use crate::annotation::name::PROXY_CONFIG;
use crate::refusal::annotation_path;
use crate::{Interception, Refusal, Settings};

/// What a ProxyConfig says. `None`: it says nothing about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub concurrency: Option<u32>,
    pub hold: Option<bool>,
    pub metadata: BTreeMap<String, String>,
    pub image_type: Option<String>,
    pub termination_drain: Option<Duration>,
    pub interception: Option<Interception>,
    pub status_port: Option<u16>,
    pub admin_port: Option<u16>,
    pub discovery_address: Option<String>,
    /// Remarks about what has no effect.
    pub remarks: Vec<String>,
}

impl Said {
    /// What holds for a pod with this annotation, if it has one.
    pub fn read(settings: &Settings, annotation: Option<&str>) -> Result<Self, Refusal> {
        let of_mesh = Reader {
            at: "defaultConfig",
        };
        // What the mesh's configuration says in vain is not this pod's fault.
        let mut said = Self {
            remarks: Vec::new(),
            ..of_mesh.said(settings.proxy_config()?)?
        };
        if let Some(text) = annotation {
            let at = annotation_path(PROXY_CONFIG);
            let of_pod = Reader { at: &at };
            said = said.then(of_pod.said(of_pod.config(text)?)?);
        }
        Ok(said)
    }

    /// What holds if somebody closer to the pod says something else.
    fn then(self, closer: Self) -> Self {
        let mut metadata = self.metadata;
        metadata.extend(closer.metadata);
        Self {
            concurrency: closer.concurrency.or(self.concurrency),
            hold: closer.hold.or(self.hold),
            metadata,
            image_type: closer.image_type.or(self.image_type),
            termination_drain: closer.termination_drain.or(self.termination_drain),
            interception: closer.interception.or(self.interception),
            status_port: closer.status_port.or(self.status_port),
            admin_port: closer.admin_port.or(self.admin_port),
            discovery_address: closer.discovery_address.or(self.discovery_address),
            remarks: [self.remarks, closer.remarks].concat(),
        }
    }
}

/// The fields of a ProxyConfig that are not counted elsewhere, by their names. A new one has to be in either list.
macro_rules! fields_of {
    ($config:ident: counted $($counted:ident),*; $($field:ident = $name:literal,)*) => {{
        let ProxyConfig { $($counted: _,)* $($field,)* } = $config;
        [$(($name, $field)),*]
    }};
}

/// Reads a ProxyConfig that stands at a path.
struct Reader<'a> {
    at: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Image {
    image_type: String,
}

impl Reader<'_> {
    /// YAML into a ProxyConfig.
    fn config(&self, text: &str) -> Result<ProxyConfig, Refusal> {
        let ferromesh_yaml::Documents { documents, faults } = ferromesh_yaml::read(text);
        if let Some(fault) = faults.into_iter().next() {
            let hint = fault.hint.clone();
            let hint = hint.unwrap_or_else(|| "write a mapping in YAML or JSON".to_owned());
            return Err(Refusal::new(self.at, fault.to_string(), hint));
        }
        let mut contents = documents.into_iter().map(|document| document.content);
        let content = match (contents.next(), contents.next()) {
            (content, None) => content.unwrap_or(Value::Null),
            (_, Some(_)) => {
                return Err(Refusal::new(
                    self.at,
                    "has several documents",
                    "write one mapping",
                ));
            }
        };
        let (config, faults) = read::read::<ProxyConfig>(&content, self.at);
        match (config, faults.into_iter().next()) {
            (Some(config), None) => Ok(config),
            (_, Some(fault)) => Err(Refusal::from(fault)),
            (None, None) => Err(Refusal::new(self.at, "is unreadable", "write a mapping")),
        }
    }

    fn said(&self, config: ProxyConfig) -> Result<Said, Refusal> {
        let remarks = self.without_effect(&config);
        let image: Option<Image> = self.field("image", config.image)?;
        let metadata = config.proxy_metadata;
        for name in metadata.keys() {
            self.environment(name)?;
        }
        Ok(Said {
            concurrency: self.field("concurrency", config.concurrency)?,
            hold: self.field(
                "holdApplicationUntilProxyStarts",
                config.hold_application_until_proxy_starts,
            )?,
            metadata,
            image_type: image
                .map(|image| image.image_type)
                .filter(|kind| !kind.is_empty()),
            termination_drain: self.duration(
                "terminationDrainDuration",
                config.termination_drain_duration,
            )?,
            interception: self.field("interceptionMode", config.interception_mode)?,
            status_port: self.port("statusPort", config.status_port)?,
            admin_port: self.port("proxyAdminPort", config.proxy_admin_port)?,
            discovery_address: self.field("discoveryAddress", config.discovery_address)?,
            remarks,
        })
    }

    fn path(&self, field: &str) -> String {
        format!("{}.{field}", self.at)
    }

    fn field<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
        value: Option<Value>,
    ) -> Result<Option<T>, Refusal> {
        let Some(value) = value else { return Ok(None) };
        match read::read::<T>(&value, &self.path(name)) {
            (Some(value), faults) if faults.is_empty() => Ok(Some(value)),
            (_, faults) => Err(faults.into_iter().next().map_or_else(
                || Refusal::new(self.path(name), "is unreadable", "leave it out"),
                Refusal::from,
            )),
        }
    }

    fn port(&self, name: &str, value: Option<Value>) -> Result<Option<u16>, Refusal> {
        match self.field(name, value)? {
            Some(0) => Err(Refusal::new(
                self.path(name),
                "0 is no port",
                "write a number from 1 to 65535",
            )),
            port => Ok(port),
        }
    }

    fn duration(&self, name: &str, value: Option<Value>) -> Result<Option<Duration>, Refusal> {
        let text: Option<String> = self.field(name, value)?;
        let read = text.map(|text| duration::parse(&text)).transpose();
        read.map_err(|fault| Refusal::new(self.path(name), fault, "write seconds, such as \"30s\""))
    }

    /// Refuses a name that is none for an environment variable, or that would change what the proxy is.
    fn environment(&self, name: &str) -> Result<(), Refusal> {
        let path = format!("{}.proxyMetadata[{name:?}]", self.at);
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.len() > 256
            || !name.bytes().all(sound)
            || name.is_empty()
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(Refusal::new(
                path,
                "is no name of an environment variable",
                "write letters, digits and '_', and no digit first",
            ));
        }
        const LOADER: [&str; 2] = ["LD_", "GLIBC_"];
        if crate::proxy::ENVIRONMENT.contains(&name)
            || LOADER.iter().any(|prefix| name.starts_with(prefix))
        {
            return Err(Refusal::new(
                path,
                "is the injector's to set",
                "leave it out",
            ));
        }
        Ok(())
    }

    /// Remarks about fields that have no effect on proxies here.
    fn without_effect(&self, config: &ProxyConfig) -> Vec<String> {
        let fields = fields_of! { config:
            counted proxy_metadata, concurrency, discovery_address, hold_application_until_proxy_starts, image, interception_mode, proxy_admin_port, status_port, termination_drain_duration;
            availability_zone = "availabilityZone",
            binary_path = "binaryPath",
            ca_certificates_pem = "caCertificatesPem",
            config_path = "configPath",
            connection_settings = "connectionSettings",
            control_plane_auth_policy = "controlPlaneAuthPolicy",
            custom_config_file = "customConfigFile",
            discovery_refresh_delay = "discoveryRefreshDelay",
            drain_duration = "drainDuration",
            envoy_access_log_service = "envoyAccessLogService",
            envoy_metrics_service = "envoyMetricsService",
            envoy_metrics_service_address = "envoyMetricsServiceAddress",
            extra_stat_tags = "extraStatTags",
            file_flush_interval = "fileFlushInterval",
            file_flush_min_size_kb = "fileFlushMinSizeKb",
            gateway_topology = "gatewayTopology",
            mesh_id = "meshId",
            private_key_provider = "privateKeyProvider",
            proxy_bootstrap_template_path = "proxyBootstrapTemplatePath",
            proxy_headers = "proxyHeaders",
            proxy_stats_matcher = "proxyStatsMatcher",
            readiness_probe = "readinessProbe",
            runtime_values = "runtimeValues",
            sds = "sds",
            service_cluster = "serviceCluster",
            stat_name_length = "statNameLength",
            stats_compression = "statsCompression",
            statsd_udp_address = "statsdUdpAddress",
            tracing = "tracing",
            tracing_service_name = "tracingServiceName",
            zipkin_address = "zipkinAddress",
        };
        let said = fields.into_iter().filter(|(_, value)| value.is_some());
        said.map(|(name, _)| format!("{}: has no effect", self.path(name)))
            .collect()
    }
}
