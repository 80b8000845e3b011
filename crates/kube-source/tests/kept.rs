//! What is kept of an object says the same to a mesh as the whole object.

#[path = "cluster/server.rs"]
#[expect(dead_code, reason = "other tests do more with it")]
mod server;
#[path = "cluster/world.rs"]
#[expect(dead_code, reason = "other tests do more with it")]
mod world;

use ferromesh_api::Object;
use ferromesh_dialects::kinds::{KINDS, Treatment};
use ferromesh_dialects::lower;
use ferromesh_kube_source::yaml;
use serde_json::Value;
use server::Server;
use world::Watched;

/// Whole objects, with everything that dialects read and much that they don't.
const WHOLE: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled, istio.io/use-waypoint: x}, annotations: {a: b, x.istio.io/z: set}}
spec: {finalizers: [kubernetes]}
status: {phase: Active}
---
apiVersion: v1
kind: Node
metadata:
  name: node1
  labels:
    topology.kubernetes.io/region: r
    topology.kubernetes.io/zone: z
    topology.istio.io/subzone: s
    failure-domain.beta.kubernetes.io/zone: other
    kubernetes.io/arch: amd64
spec: {podCIDR: 10.0.0.0/24}
status: {capacity: {cpu: "2"}}
---
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
  uid: 4f1c1f4e
  resourceVersion: "7"
  creationTimestamp: "2026-01-01T00:00:00Z"
  deletionTimestamp: "2026-01-02T00:00:00Z"
  labels: {app: web, security.istio.io/tlsMode: istio, topology.istio.io/network: net1, istio-locality: r.z.s, istio.io/dataplane-mode: ambient}
  annotations: {sidecar.istio.io/status: "{}", sidecar.istio.io/proxyCPU: 10m, other: x}
  managedFields: [{manager: kubelet, operation: Update}]
spec:
  nodeName: node1
  serviceAccount: old
  serviceAccountName: web
  terminationGracePeriodSeconds: 30
  containers:
  - {name: a, image: "a:1", ports: [{name: http, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}, {containerPort: 99999}]}
  - {name: b, image: "b:1"}
  initContainers:
  - {name: c, image: "c:1", ports: [{name: not, containerPort: 1}]}
  - {name: d, image: "d:1", restartPolicy: Always, ports: [{name: metrics, containerPort: 9090}]}
  volumes: [{name: x, emptyDir: {}}]
status:
  phase: Running
  podIP: 10.0.0.1
  podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}, {ip: nonsense}]
  conditions: [{type: Initialized, status: "True"}, {type: Ready, status: "True", lastTransitionTime: "2026-01-01T00:00:00Z"}]
---
apiVersion: v1
kind: Pod
metadata: {name: old, namespace: shop}
spec: {serviceAccount: old, containers: [{name: a, image: "a:1"}]}
status: {podIP: 10.0.0.2, conditions: [{type: Ready, status: "False"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: done, namespace: shop}
spec: {nodeName: node1, containers: [{name: a, image: "a:1"}]}
status: {phase: Succeeded, podIP: 10.0.0.3}
---
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
  creationTimestamp: "2026-01-01T00:00:00Z"
  labels: {app: web, istio.io/use-waypoint: w}
  annotations: {networking.istio.io/exportTo: "., a_b", networking.istio.io/traffic-distribution: PreferClose, traffic.istio.io/x: set}
spec:
  type: ClusterIP
  clusterIP: 10.96.0.9
  clusterIPs: [10.96.0.9, "fd00::9"]
  externalIPs: [192.0.2.1]
  selector: {app: web}
  publishNotReadyAddresses: true
  internalTrafficPolicy: Local
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 7}}
  trafficDistribution: PreferSameZone
  ipFamilies: [IPv4, IPv6]
  ports:
  - {name: http, port: 80, targetPort: http, nodePort: 30080}
  - {name: x, port: 81, targetPort: 8081, appProtocol: kubernetes.io/h2c}
  - {name: udp, port: 82, protocol: UDP}
status: {loadBalancer: {}}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere, namespace: shop, annotations: {networking.istio.io/traffic-distribution: PreferSameNode}}
spec: {type: ExternalName, externalName: example.com}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: web-1
  namespace: shop
  generation: 3
  labels: {kubernetes.io/service-name: web, endpointslice.kubernetes.io/managed-by: x}
  annotations: {endpoints.kubernetes.io/last-change-trigger-time: "2026-01-01T00:00:00Z"}
  ownerReferences: [{apiVersion: v1, kind: Service, name: web, uid: x}]
addressType: IPv4
endpoints:
- addresses: [10.0.0.1, nonsense]
  conditions: {ready: false, serving: true, terminating: true}
  hostname: web-0
  nodeName: node1
  zone: z
  hints: {forZones: [{name: z}], forNodes: [{name: node1}]}
  targetRef: {kind: Pod, name: web, namespace: shop, uid: x}
- {addresses: [10.0.0.4], deprecatedTopology: {zone: old}}
ports:
- {name: http, port: 8080, protocol: TCP, appProtocol: http}
- {name: all}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop, generation: 2, labels: {istio.io/rev: x}, annotations: {a.istio.io/b: c, kubectl.kubernetes.io/last-applied-configuration: "{}"}}
spec: {host: web, trafficPolicy: {loadBalancer: {simple: RANDOM}}, nonsense: 1}
status: {observedGeneration: 1}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop, annotations: {istio.io/dry-run: "true"}}
spec: {action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}
"#;

fn plural(kind: &str) -> String {
    let lower = kind.to_lowercase();
    match lower.strip_suffix('y') {
        Some(stem) if !stem.ends_with('a') => format!("{stem}ies"),
        _ => format!("{lower}s"),
    }
}

fn collection(object: &Object) -> String {
    let plural = plural(&object.kind);
    match object.group() {
        "" => format!("/api/v1/{plural}"),
        group => format!("/apis/{group}/{}/{plural}", object.version()),
    }
}

#[tokio::test]
async fn what_is_kept_says_the_same_as_the_whole() {
    let server = Server::start(true).await;
    let documents = yaml::read(WHOLE);
    assert_eq!(documents.faults, []);
    let whole: Vec<_> = documents
        .documents
        .into_iter()
        .map(|document| Object::new(document.content).expect("an object"))
        .collect();
    for object in &whole {
        if object.group().ends_with(".istio.io") {
            server.define(object.group(), &plural(&object.kind), 1, &["v1"]);
        }
        let mut stored: Value = object.content.clone();
        // Items of lists don't say what they are.
        if let Some(fields) = stored.as_object_mut() {
            fields.remove("apiVersion");
            fields.remove("kind");
        }
        server.put(&collection(object), stored);
    }
    let mut watched = Watched::open(&server);
    let first = watched.complete().await;
    assert_eq!(first.changed.len(), whole.len());
    for object in &whole {
        let kept = first
            .changed
            .iter()
            .find(|located| located.key() == object.key())
            .expect("every object");
        assert_eq!(lower(&kept.object), lower(object), "{}", object.key());
    }
}

#[tokio::test]
async fn every_kind_that_dialects_read_is_watched() {
    let server = Server::start(true).await;
    let istios = KINDS
        .iter()
        .filter(|kind| kind.group.ends_with(".istio.io") && kind.kind != "MeshConfig");
    let expected: Vec<_> = istios.collect();
    assert_eq!(expected.len(), 15);
    for kind in &expected {
        server.define(kind.group, &plural(kind.kind), 1, &kind.versions[..1]);
    }
    Watched::open(&server).complete().await;
    let world = server.world();
    for kind in &expected {
        let path = format!(
            "/apis/{}/{}/{}?watch",
            kind.group,
            kind.versions[0],
            plural(kind.kind)
        );
        assert_eq!(world.asked(&path), 1, "{path}");
    }
    let of_kubernetes = KINDS
        .iter()
        .filter(|kind| matches!(kind.treatment, Treatment::Whole(_)));
    for kind in of_kubernetes {
        let asked = world.asked(&format!("/{}?watch", plural(kind.kind)));
        // An account adds nothing to its name.
        assert_eq!(
            asked,
            usize::from(kind.kind != "ServiceAccount"),
            "{}",
            kind.kind
        );
    }
}
