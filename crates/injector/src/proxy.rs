//! The container of the proxy.

use serde_json::{Value, json};

use crate::annotation::Misreading;
use crate::choices::{Choices, Placement};
use crate::draft::Fields;
use crate::gateway::Template;
use crate::{Interception, PROXY, Refusal, Settings, volume};

/// The user and the group of the proxy, which capture lets through.
pub(crate) const PROXY_ID: i64 = 1337;
/// Where the agent says whether the proxy is ready.
const READY_PORT: u16 = 15021;
/// The name of the port of metrics, by which those who scrape proxies find it.
pub(crate) const METRICS_PORT_NAME: &str = "http-envoy-prom";
/// The environment variables of the proxy's container that nobody else may set.
pub(crate) const ENVIRONMENT: &[&str] = &[
    "POD_NAME",
    "POD_NAMESPACE",
    "INSTANCE_IP",
    "TMPDIR",
    "PATH",
    crate::probe::ENVIRONMENT,
    crate::prometheus::ENVIRONMENT,
];

/// The proxy's container, before anybody else has had a say in it.
pub(crate) fn container(settings: &Settings, choices: &Choices) -> Result<Fields, Refusal> {
    let mut fields = Fields::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("name", json!(PROXY));
    put("image", json!(choices.image));
    if let Some(policy) = pull_policy(settings)? {
        put("imagePullPolicy", json!(policy));
    }
    if choices.template == Template::Sidecar && choices.placement == Placement::Native {
        put("restartPolicy", json!("Always"));
    }
    put("command", json!(["ferromesh-agent"]));
    put("args", json!(arguments(settings, choices)?));
    put(
        "ports",
        json!([{"containerPort": choices.metrics_port, "protocol": "TCP", "name": METRICS_PORT_NAME}]),
    );
    put("env", environment(choices));
    put("resources", Value::Object(choices.resources.clone()));
    if let Some(lifecycle) = lifecycle(choices) {
        put("lifecycle", lifecycle);
    }
    for (key, probe) in probes(settings, choices) {
        put(key, probe);
    }
    put("securityContext", security(choices.interception));
    put(
        "volumeMounts",
        Value::Array(volume::mounts(&choices.volumes)),
    );
    Ok(fields)
}

fn pull_policy(settings: &Settings) -> Result<Option<&str>, Refusal> {
    match settings.image_pull_policy.as_str() {
        "" => Ok(None),
        policy @ ("Always" | "IfNotPresent" | "Never") => Ok(Some(policy)),
        other => Err(Refusal::new(
            "imagePullPolicy",
            format!("{other:?} is no policy"),
            "write Always, IfNotPresent or Never",
        )),
    }
}

fn arguments(settings: &Settings, choices: &Choices) -> Result<Vec<String>, Refusal> {
    let root_namespace = name("rootNamespace", &settings.root_namespace, 63)?;
    let trust_domain = name("trustDomain", &settings.trust_domain, 255)?;
    let metrics_address = format!("0.0.0.0:{}", choices.metrics_port);
    let concurrency = choices.concurrency.to_string();
    let mut arguments: Vec<String> = [
        "proxy",
        "--xds",
        &choices.control_plane,
        "--token",
        "/var/run/secrets/tokens/istio-token",
        "--root-cert",
        "/var/run/secrets/istio/root-cert.pem",
        "--trust-domain",
        trust_domain,
        "--root-namespace",
        root_namespace,
        "--workload",
        "$(POD_NAME)",
        "--namespace",
        "$(POD_NAMESPACE)",
        "--address",
        "$(INSTANCE_IP)",
        "--interception-mode",
        choices.interception.as_str(),
        "--status-address",
        "0.0.0.0:15021",
        "--metrics-address",
        &metrics_address,
        "--concurrency",
        &concurrency,
        "--envoy-log-level",
        choices.envoy_log_level,
        "--log-level",
        choices.agent_log_level,
    ]
    .map(str::to_owned)
    .to_vec();
    let mut more = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
    if !settings.ca_address.is_empty() {
        let address = host_and_port(&settings.ca_address)
            .map_err(|misreading| Refusal::new("caAddress", misreading.message, misreading.hint))?;
        more("--ca", address);
    }
    if let Some(port) = choices.config.admin_port {
        more("--admin-address", format!("127.0.0.1:{port}"));
    }
    if let Some(drain) = choices.config.termination_drain {
        // The agent counts seconds; nobody may wait for less than he asked for.
        let seconds = drain.as_secs() + u64::from(drain.subsec_nanos() > 0);
        let seconds = seconds.min(u64::from(u32::MAX)).to_string();
        more("--drain-seconds", seconds.clone());
        more("--drain-idle-seconds", seconds);
    }
    Ok(arguments)
}

/// A name of letters, digits, dots and hyphens.
fn name<'a>(field: &str, text: &'a str, longest: usize) -> Result<&'a str, Refusal> {
    let sound = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
    };
    if text.is_empty() || text.len() > longest || text.starts_with('-') || !text.bytes().all(sound)
    {
        return Err(Refusal::new(
            field,
            format!("{text:?} is no name"),
            "write lower case letters, digits, '.' and '-'",
        ));
    }
    Ok(text)
}

/// Reads HOST:PORT and renders it.
pub(crate) fn host_and_port(text: &str) -> Result<String, Misreading> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| {
        let address = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let sound = match address {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => name("", host, 253).is_ok(),
        };
        let port = crate::traffic::port(port).ok()?;
        sound.then_some((host, port))
    });
    let (host, port) = parts.ok_or_else(|| {
        Misreading::new(
            format!("{text:?} is no address of a server"),
            "write HOST:PORT, such as \"ferromesh.ferromesh-system.svc:15012\"",
        )
    })?;
    Ok(format!("{host}:{port}"))
}

fn environment(choices: &Choices) -> Value {
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    let mut variables = vec![
        field("POD_NAME", "metadata.name"),
        field("POD_NAMESPACE", "metadata.namespace"),
        field("INSTANCE_IP", "status.podIP"),
        // The one place that can be written to.
        json!({"name": "TMPDIR", "value": volume::SCRATCH_PATH}),
    ];
    // Kubernetes expands references in them, as Istio's users know it; no shell ever sees them.
    let metadata = choices.config.metadata.iter();
    variables.extend(metadata.map(|(name, value)| json!({"name": name, "value": value})));
    Value::Array(variables)
}

/// A native sidecar is told at once that its pod ends, while it goes on until the application has ended. Who holds the
/// other containers back does so until it is ready.
fn lifecycle(choices: &Choices) -> Option<Value> {
    let run = |handler: &str, word: &str| json!({handler: {"exec": {"command": ["ferromesh-agent", word]}}});
    match (choices.template, choices.placement) {
        (Template::Gateway, _) => Some(run("preStop", "announce-drain")),
        (Template::Sidecar, Placement::Native) => Some(run("preStop", "announce-drain")),
        (Template::Sidecar, Placement::First) => Some(run("postStart", "wait")),
        (Template::Sidecar, Placement::Last) => None,
    }
}

fn probes(settings: &Settings, choices: &Choices) -> Vec<(&'static str, Value)> {
    let Some(readiness) = choices.readiness else {
        return Vec::new();
    };
    let ready = json!({"path": "/healthz/ready", "port": READY_PORT});
    vec![
        (
            "startupProbe",
            json!({
                "httpGet": ready,
                "periodSeconds": 1,
                "timeoutSeconds": 3,
                "failureThreshold": settings.startup_failure_threshold.max(1),
            }),
        ),
        (
            "readinessProbe",
            json!({
                "httpGet": ready,
                "initialDelaySeconds": readiness.initial_delay_seconds,
                "periodSeconds": readiness.period_seconds,
                "timeoutSeconds": 3,
                "failureThreshold": readiness.failure_threshold,
            }),
        ),
    ]
}

/// What the proxy may do: nothing, but with TPROXY to bind addresses that are not the pod's. Kubernetes gives no
/// capability to other users than root, so there it is root, and nothing else of it.
fn security(interception: Interception) -> Value {
    match interception {
        Interception::Tproxy => json!({
            "allowPrivilegeEscalation": false,
            "privileged": false,
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": false,
            "runAsUser": 0,
            "runAsGroup": PROXY_ID,
            "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }),
        Interception::None | Interception::Redirect => json!({
            "allowPrivilegeEscalation": false,
            "privileged": false,
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "runAsUser": PROXY_ID,
            "runAsGroup": PROXY_ID,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }),
    }
}
