//! Pods as attackers write them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

/// Texts that mean something to one or another reader.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => select(vec![
            "8080 } chain x {", "8080", "80,443", "*", "", "10.0.0.0/8", "10.0.0.0/8 accept", "include \"/etc/passwd\"", "eth0",
            "lo; flush ruleset", "true", "false", "0", "-1", "65536", "TPROXY", "NONE", "REDIRECT", "trace", "debug --config-yaml {}",
            "$(POD_NAME)", "`reboot`", "$(reboot)", "'; reboot; '", "\n- --privileged\n", "100m", "1Gi", "gateway", "sidecar", "sidecar,spire",
            "{}", "[]", "null", "{", "a/b:c", "a/b --privileged", "default:debug",
            "concurrency: 3", "concurrency: 3\nconcurrency: 4", "binaryPath: \"/bin/sh -c reboot\"", "interceptionMode: TPROXY",
            "proxyMetadata: {\"A=B\\nC\": d}", "proxyMetadata: {LD_PRELOAD: /x}", "proxyMetadata: {POD_NAMESPACE: kube-system}",
            "proxyMetadata: {X: \"\\\"}, {\"}", "discoveryAddress: \"evil.test:1 --token /x\"", "discoveryAddress: evil.test:1", "statusPort: 22",
            "terminationDrainDuration: 5s", "a: &a [*a]", "image: {imageType: \"x --privileged\"}",
            "{\"a\": {\"hostPath\": {\"path\": \"/\"}}}", "{\"a\": {\"emptyDir\": {}}}", "{\"istio-token\": {\"mountPath\": \"/x\"}}",
            "{\"data\": {\"mountPath\": \"/data\"}}", "{\"a\": {\"mountPath\": \"/var/run/secrets\"}}",
            "{\"containers\": [\"istio-proxy\", \"app\"], \"initContainers\": [\"istio-init\", \"istio-proxy\"], \"volumes\": [\"data\", \"istio-token\"]}",
            "{\"initContainers\": [\"istio-init\", \"istio-proxy\"], \"volumes\": [\"a\"], \"imagePullSecrets\": [\"a\"]}",
            "{\"containers\": [{\"name\": \"istio-proxy\", \"securityContext\": {\"privileged\": true}}]}",
            "{\"containers\": [{\"name\": \"istio-proxy\", \"ports\": [{\"containerPort\": 1, \"hostPort\": 22}]}]}",
            "{\"initContainers\": [{\"name\": \"istio-init\", \"securityContext\": {\"capabilities\": {\"add\": [\"SYS_ADMIN\"]}, \"runAsUser\": 0}}]}",
            "{\"initContainers\": [{\"name\": \"evil\", \"securityContext\": {\"privileged\": true}}]}",
            "{\"containers\": [{\"name\": \"istio-proxy\", \"securityContext\": {\"runAsUser\": 0, \"allowPrivilegeEscalation\": true}, \"args\": [\"x\"]}]}",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,12}",
    ]
}

/// Some of these: as many as one of these numbers.
fn sometimes<T: Clone + std::fmt::Debug + 'static, const N: usize>(
    values: Vec<T>,
    sizes: [usize; N],
) -> impl Strategy<Value = Vec<T>> {
    select(sizes.to_vec()).prop_flat_map(move |size| subsequence(values.clone(), size))
}

fn annotation() -> impl Strategy<Value = String> {
    select(vec![
        "sidecar.istio.io/inject",
        "sidecar.istio.io/status",
        "inject.istio.io/templates",
        "proxy.istio.io/config",
        "proxy.istio.io/overrides",
        "sidecar.istio.io/nativeSidecar",
        "sidecar.istio.io/interceptionMode",
        "sidecar.istio.io/proxyImage",
        "sidecar.istio.io/proxyImageType",
        "sidecar.istio.io/proxyCPU",
        "sidecar.istio.io/proxyMemoryLimit",
        "sidecar.istio.io/logLevel",
        "sidecar.istio.io/agentLogLevel",
        "sidecar.istio.io/rewriteAppHTTPProbers",
        "sidecar.istio.io/userVolume",
        "sidecar.istio.io/userVolumeMount",
        "traffic.sidecar.istio.io/includeInboundPorts",
        "traffic.sidecar.istio.io/excludeInboundPorts",
        "traffic.sidecar.istio.io/includeOutboundPorts",
        "traffic.sidecar.istio.io/excludeOutboundPorts",
        "traffic.sidecar.istio.io/includeOutboundIPRanges",
        "traffic.sidecar.istio.io/excludeOutboundIPRanges",
        "traffic.sidecar.istio.io/excludeInterfaces",
        "istio.io/reroute-virtual-interfaces",
        "status.sidecar.istio.io/port",
        "readiness.status.sidecar.istio.io/periodSeconds",
        "prometheus.io/port",
        "prometheus.io/scrape",
        "prometheus.io/path",
        "prometheus.istio.io/scrape-targets",
        "prometheus.istio.io/merge-metrics",
        "example.com/a",
    ])
    .prop_map(str::to_owned)
}

/// Values that mean something to an annotation, so that not everything is refused; and any.
fn said() -> impl Strategy<Value = (String, String)> {
    let fitting = select(vec![
        ("sidecar.istio.io/nativeSidecar", "false"),
        ("sidecar.istio.io/interceptionMode", "TPROXY"),
        ("sidecar.istio.io/interceptionMode", "NONE"),
        ("inject.istio.io/templates", "gateway"),
        (
            "proxy.istio.io/config",
            "holdApplicationUntilProxyStarts: true\nproxyMetadata: {A: \"$(B) `c` \\\"d\"}",
        ),
        ("proxy.istio.io/config", "binaryPath: /bin/sh"),
        ("traffic.sidecar.istio.io/excludeInboundPorts", "22, 23"),
        (
            "traffic.sidecar.istio.io/includeOutboundIPRanges",
            "10.0.0.0/8,fd00::/8",
        ),
        ("sidecar.istio.io/userVolume", "{\"a\": {\"emptyDir\": {}}}"),
        (
            "sidecar.istio.io/userVolumeMount",
            "{\"a\": {\"mountPath\": \"/a\"}}",
        ),
        (
            "sidecar.istio.io/status",
            "{\"initContainers\": [\"istio-init\", \"istio-proxy\"], \"containers\": [\"istio-proxy\"], \"volumes\": [\"a\", \"data\", \"istio-token\"], \"imagePullSecrets\": [\"a\"]}",
        ),
        (
            "proxy.istio.io/overrides",
            "{\"containers\": [{\"name\": \"istio-proxy\", \"image\": \"auto\", \"env\": [{\"name\": \"X\", \"value\": \"1\"}]}]}",
        ),
        (
            "proxy.istio.io/overrides",
            "{\"containers\": [{\"name\": \"istio-proxy\", \"securityContext\": {\"privileged\": true}}]}",
        ),
        ("prometheus.io/port", "9090"),
        ("status.sidecar.istio.io/port", "15999"),
        ("sidecar.istio.io/rewriteAppHTTPProbers", "false"),
    ]);
    prop_oneof![
        5 => fitting.prop_map(|(name, value)| (name.to_owned(), value.to_owned())),
        1 => (annotation(), text()),
    ]
}

fn security() -> impl Strategy<Value = Value> {
    let some = |fields: Vec<(&str, Value)>| {
        Value::Object(
            fields
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    };
    subsequence(
        vec![
            ("privileged", json!(true)),
            ("allowPrivilegeEscalation", json!(true)),
            ("runAsUser", json!(0)),
            ("runAsUser", json!(1337)),
            ("runAsGroup", json!(7)),
            ("capabilities", json!({"add": ["SYS_ADMIN", "NET_RAW"]})),
            ("procMount", json!("Unmasked")),
            ("seccompProfile", json!({"type": "Unconfined"})),
            ("futureField", json!({"a": 1})),
        ],
        0..3,
    )
    .prop_map(some)
}

fn probe() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"httpGet": {"path": "/$(X)\"{}", "port": 8080, "scheme": "HTTPS", "httpHeaders": [{"name": "a", "value": "b"}]}, "timeoutSeconds": 2}),
        json!({"httpGet": {"port": "http"}}),
        json!({"httpGet": {"path": "/app-health/app/livez", "port": 15020}}),
        json!({"tcpSocket": {"port": "nowhere"}}),
        json!({"tcpSocket": {"port": 80, "host": "10.0.0.1"}}),
        json!({"grpc": {"port": 9000, "service": "a"}}),
        json!({"exec": {"command": ["a", "$(b)"]}}),
        json!({"httpGet": "no mapping"}),
        json!(null),
    ])
}

fn a_container(names: Vec<&'static str>) -> impl Strategy<Value = Value> {
    let mounts = sometimes(
        vec![
            json!({"name": "data", "mountPath": "/data"}),
            json!({"name": "istio-token", "mountPath": "/t"}),
            json!({"name": "istio-envoy", "mountPath": "/e"}),
        ],
        [0, 0, 0, 0, 0, 0, 0, 1, 2],
    );
    let shape = (select(names), security(), mounts);
    let handlers = vec(
        (
            select(vec!["livenessProbe", "readinessProbe", "startupProbe"]),
            probe(),
        ),
        0..3,
    );
    let ports = select(vec![
        json!([{"name": "http", "containerPort": 8080}]),
        json!([{"containerPort": 80, "hostPort": 80}]),
        json!(null),
    ]);
    let more = select(vec![
        json!({}),
        json!({"image": "auto", "imagePullPolicy": "Always"}),
        json!({"image": "evil:1", "command": ["sh", "-c", "reboot"]}),
        json!({"restartPolicy": "Always"}),
        json!({"env": [{"name": "ISTIO_KUBE_APP_PROBERS", "value": "{\"/app-health/app/livez\":{\"exec\":{}}}"}, {"name": "POD_NAME", "value": "x"}]}),
        json!({"lifecycle": {"preStop": {"httpGet": {"port": 80}}, "postStart": {"tcpSocket": {"port": 1}}}}),
        json!({"args": ["proxy", "--interception-mode", "x"], "volumeDevices": [{"name": "data", "devicePath": "/dev/x"}]}),
    ]);
    (shape, handlers, ports, more).prop_map(|((name, security, mounts), handlers, ports, more)| {
        let mut container = json!({"name": name, "image": "i", "ports": ports, "securityContext": security, "volumeMounts": mounts});
        for (key, value) in handlers {
            container[key] = value;
        }
        for (key, value) in more.as_object().unwrap() {
            container[key] = value.clone();
        }
        container
    })
}

/// Pods of people who mean harm, and of some who don't.
pub fn pod() -> impl Strategy<Value = Value> {
    let annotations = btree_map(annotation(), text(), 0..2).prop_flat_map(|wild| {
        vec(said(), 0..4).prop_map(move |said| {
            let mut all = wild.clone();
            all.extend(said);
            all
        })
    });
    let tame = vec(said(), 0..4).prop_map(|said| said.into_iter().collect());
    let annotations = prop_oneof![1 => annotations, 3 => tame];
    let volumes = sometimes(
        vec![
            json!({"name": "data", "hostPath": {"path": "/run"}}),
            json!({"name": "a", "emptyDir": {}}),
            json!({"name": "istio-token", "hostPath": {"path": "/"}}),
            json!({"name": "istiod-ca-cert", "secret": {}}),
        ],
        [0, 0, 0, 0, 0, 0, 1, 1, 3],
    );
    let spec = sometimes(
        vec![
            ("hostPID", json!(true)),
            ("hostIPC", json!(true)),
            ("hostNetwork", json!(true)),
            ("securityContext", json!({"runAsUser": 0, "fsGroup": 3})),
            (
                "securityContext",
                json!({"runAsUser": 1000, "futureField": 1}),
            ),
            ("imagePullSecrets", json!([{"name": "a"}])),
            (
                "ephemeralContainers",
                json!([{"name": "istio-proxy", "volumeMounts": [{"name": "istio-token"}]}]),
            ),
            ("futureField", json!([{"a": [null, 1]}])),
        ],
        [0, 0, 0, 1, 1, 2],
    );
    let main = vec(a_container(vec!["app", "web", "istio-proxy"]), 1..4);
    let init = vec(
        a_container(vec!["setup", "log", "istio-init", "istio-proxy"]),
        0..3,
    );
    let labels = select(vec![
        json!({"app": "a"}),
        json!({"security.istio.io/tlsMode": "disabled", "version": "$(x)"}),
        json!(null),
    ]);
    (annotations, volumes, spec, main, init, labels).prop_map(
        |(annotations, volumes, more, main, init, labels)| {
            let mut spec = json!({"initContainers": unique(init), "containers": unique(main), "volumes": volumes});
            for (key, value) in more {
                spec[key] = value;
            }
            let annotations: BTreeMap<String, String> = annotations;
            json!({"metadata": {"generateName": "a-", "labels": labels, "annotations": annotations}, "spec": spec})
        },
    )
}

/// Names of containers are mostly there once, as Kubernetes wants it.
fn unique(containers: Vec<Value>) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let mut unique = containers;
    unique.retain(|container| seen.insert(container["name"].to_string()));
    unique
}

/// Any JSON, with the words of pods in it.
pub fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let key = select(vec![
        "metadata",
        "spec",
        "labels",
        "annotations",
        "containers",
        "initContainers",
        "volumes",
        "name",
        "env",
        "args",
        "securityContext",
        "livenessProbe",
        "httpGet",
        "port",
        "lifecycle",
        "ownerReferences",
        "hostNetwork",
        "imagePullSecrets",
        "sidecar.istio.io/status",
        "proxy.istio.io/overrides",
        "istio-proxy",
    ]);
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((key.clone(), inner), 0..6).prop_map(|fields| {
                Value::Object(
                    fields
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}
