//! What a pod's annotations, over the settings, make of its proxy: everything typed, so that no later step looks at an
//! annotation's text again.

mod capture;
mod resources;

pub(crate) use capture::Capture;

use crate::annotation::{Annotations, Misreading, count, known, name};
use crate::draft::Fields;
use crate::gateway::Template;
use crate::proxy_config::Said;
use crate::traffic;
use crate::volume::UserVolumes;
use crate::{Interception, Refusal, Settings, image, level};

/// The port of the agent's metrics and of the application's probes.
pub(crate) const METRICS_PORT: u16 = 15020;

/// Ports that the proxy needs besides: Envoy's administration, captured traffic, readiness, and Istio's own metrics.
pub(crate) const RESERVED: [u16; 5] = [15000, 15001, 15006, 15021, 15090];

/// Where the proxy's container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// A restartable init container.
    Native,
    /// The last container.
    Last,
    /// The first container, for which the others wait.
    First,
}

/// The kubelet's questions to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Readiness {
    pub initial_delay_seconds: u32,
    pub period_seconds: u32,
    pub failure_threshold: u32,
}

/// Everything that a pod may choose.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    pub template: Template,
    pub placement: Placement,
    pub interception: Interception,
    pub capture: Capture,
    pub image: String,
    pub resources: Fields,
    pub envoy_log_level: &'static str,
    pub agent_log_level: &'static str,
    pub config: Said,
    pub control_plane: String,
    pub concurrency: u32,
    pub metrics_port: u16,
    /// `None`: the kubelet asks nothing.
    pub readiness: Option<Readiness>,
    pub rewrite_probes: bool,
    pub merge_metrics: bool,
    pub volumes: UserVolumes,
    pub warnings: Vec<String>,
}

impl Choices {
    /// Reads the annotations of a pod.
    pub fn read(settings: &Settings, said: Annotations<'_>) -> Result<Self, Refusal> {
        let config = Said::read(settings, said.get(name::PROXY_CONFIG))?;
        let template = Template::read(said.get(name::TEMPLATES))?;
        let interception = said.read(name::INTERCEPTION_MODE, interception)?;
        let interception = interception
            .or(config.interception)
            .unwrap_or(settings.interception_mode);
        let metrics_port = config.status_port.unwrap_or(METRICS_PORT);
        let metrics_port = match said.read(name::STATUS_PORT, status_port)? {
            None => Some(metrics_port),
            Some(port) => port,
        };
        let mut warnings = known::remarks(said.0);
        warnings.extend(config.remarks.iter().cloned());
        Ok(Self {
            template,
            placement: placement(settings, said, &config)?,
            interception: template.interception(interception),
            capture: capture::read(settings, said)?,
            image: proxy_image(settings, said, &config, &mut warnings)?,
            resources: resources::read(settings, said)?,
            envoy_log_level: said.read_or(name::LOG_LEVEL, &settings.log_level, level::of_envoy)?,
            agent_log_level: said.read_or(
                name::AGENT_LOG_LEVEL,
                &settings.agent_log_level,
                level::of_agent,
            )?,
            control_plane: control_plane(settings, &config)?,
            concurrency: concurrency(settings, &config, &mut warnings)?,
            readiness: readiness(settings, said, metrics_port)?,
            metrics_port: metrics_port.unwrap_or(METRICS_PORT),
            rewrite_probes: said.switch(name::REWRITE_PROBES, settings.rewrite_app_http_probers)?,
            merge_metrics: said.switch(name::MERGE_METRICS, settings.enable_prometheus_merge)?,
            volumes: UserVolumes::read(said)?,
            config,
            warnings,
        })
    }
}

fn interception(text: &str) -> Result<Interception, Misreading> {
    match text {
        "NONE" => Ok(Interception::None),
        "REDIRECT" => Ok(Interception::Redirect),
        "TPROXY" => Ok(Interception::Tproxy),
        _ => Err(Misreading::new(
            format!("{text:?} is no interception mode"),
            "write REDIRECT, TPROXY or NONE",
        )),
    }
}

/// `None` is Istio's 0: no questions.
fn status_port(text: &str) -> Result<Option<u16>, Misreading> {
    if text == "0" {
        return Ok(None);
    }
    let port = traffic::port(text)?.0;
    if RESERVED.contains(&port) {
        return Err(Misreading::new(
            format!("{port} is the proxy's for something else"),
            "leave it out, or write another port",
        ));
    }
    Ok(Some(port))
}

fn placement(
    settings: &Settings,
    said: Annotations<'_>,
    config: &Said,
) -> Result<Placement, Refusal> {
    let holds = config
        .hold
        .unwrap_or(settings.hold_application_until_proxy_starts);
    let native = said.switch(name::NATIVE_SIDECAR, settings.native_sidecars)?;
    Ok(match (native, holds) {
        (true, _) => Placement::Native,
        (false, true) => Placement::First,
        (false, false) => Placement::Last,
    })
}

fn proxy_image(
    settings: &Settings,
    said: Annotations<'_>,
    config: &Said,
    warnings: &mut Vec<String>,
) -> Result<String, Refusal> {
    match said.read(name::PROXY_IMAGE, image::image)? {
        // As Istio: only a name with a registry is one.
        Some(image) if image.contains('/') => return Ok(image),
        Some(image) => warnings.push(format!(
            "{}: {image:?} has no registry and so no effect (write REGISTRY/NAME:TAG)",
            crate::refusal::annotation_path(name::PROXY_IMAGE)
        )),
        None => {}
    }
    let of_mesh = image::image(&settings.image)
        .map_err(|misreading| Refusal::new("image", misreading.message, misreading.hint))?;
    let of_type = said.read(name::PROXY_IMAGE_TYPE, |kind| {
        image::of_type(&of_mesh, kind)
    })?;
    match (of_type, &config.image_type) {
        (Some(image), _) => Ok(image),
        (None, Some(kind)) => image::of_type(&of_mesh, kind)
            .map_err(|misreading| Misreading::of(misreading, name::PROXY_CONFIG)),
        (None, None) => Ok(of_mesh),
    }
}

fn control_plane(settings: &Settings, config: &Said) -> Result<String, Refusal> {
    match &config.discovery_address {
        Some(address) => crate::proxy::host_and_port(address).map_err(|misreading| {
            Refusal::new(
                format!(
                    "{}.discoveryAddress",
                    crate::refusal::annotation_path(name::PROXY_CONFIG)
                ),
                misreading.message,
                misreading.hint,
            )
        }),
        None => crate::proxy::host_and_port(&settings.control_plane()).map_err(|misreading| {
            let field = if settings.xds_address.is_empty() {
                "rootNamespace"
            } else {
                "xdsAddress"
            };
            Refusal::new(field, misreading.message, misreading.hint)
        }),
    }
}

/// The most threads that the agent takes.
const MAX_CONCURRENCY: u32 = 1024;

fn concurrency(
    settings: &Settings,
    config: &Said,
    warnings: &mut Vec<String>,
) -> Result<u32, Refusal> {
    let path = match config.concurrency {
        Some(_) => format!(
            "{}.concurrency",
            crate::refusal::annotation_path(name::PROXY_CONFIG)
        ),
        None => "concurrency".to_owned(),
    };
    match config.concurrency.unwrap_or(settings.concurrency) {
        0 => {
            let threads = settings.concurrency.max(1);
            warnings.push(format!(
                "{path}: 0, which is a thread for each core of the node, is taken as {threads} (write a number)"
            ));
            Ok(threads)
        }
        threads if threads > MAX_CONCURRENCY => Err(Refusal::new(
            path,
            format!("{threads} threads are too many"),
            format!("write at most {MAX_CONCURRENCY}"),
        )),
        threads => Ok(threads),
    }
}

fn readiness(
    settings: &Settings,
    said: Annotations<'_>,
    port: Option<u16>,
) -> Result<Option<Readiness>, Refusal> {
    let of_mesh = &settings.readiness;
    let read =
        |name, default| -> Result<u32, Refusal> { Ok(said.read(name, count)?.unwrap_or(default)) };
    let readiness = Readiness {
        initial_delay_seconds: read(name::READINESS_DELAY, of_mesh.initial_delay_seconds)?,
        // The API server takes no 0 here, and Istio's users know it as the least.
        period_seconds: read(name::READINESS_PERIOD, of_mesh.period_seconds)?.max(1),
        failure_threshold: read(name::READINESS_FAILURES, of_mesh.failure_threshold)?.max(1),
    };
    Ok(port.map(|_| readiness))
}
