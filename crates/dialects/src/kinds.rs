//! The kinds that there are.

use ferromesh_api::Object;
use ferromesh_dialect_istio as istio;
use ferromesh_dialect_kubernetes as kubernetes;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::diagnostic::Remarks;

/// Lowers an object of a kind.
pub type Lower = fn(&Object, &mut Remarks) -> Vec<Declaration>;

/// A kind that is known.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its group; empty for Kubernetes' core group.
    pub group: &'static str,
    /// Its name.
    pub kind: &'static str,
    /// The versions in which it is served, the preferred one first; empty if the mesh takes no
    /// interest in them.
    pub versions: &'static [&'static str],
    /// What is made of it.
    pub treatment: Treatment,
}

/// What is made of a kind.
#[derive(Clone, Copy, Debug)]
pub enum Treatment {
    /// It is one of Kubernetes' own types, metadata included, and is lowered.
    Whole(Lower),
    /// Its `spec` is lowered; metadata is as everywhere.
    Spec(Lower),
    /// It will have an effect in a later version.
    NotYet,
    /// It never has an effect, for this reason.
    Nothing(&'static str),
}

const NETWORKING: &str = "networking.istio.io";
const SECURITY: &str = "security.istio.io";
const GATEWAY_API: &str = "gateway.networking.k8s.io";
const V1: &[&str] = &["v1"];
const V1_V1BETA1: &[&str] = &["v1", "v1beta1"];
const V1_V1BETA1_V1ALPHA3: &[&str] = &["v1", "v1beta1", "v1alpha3"];
/// For whom Deployments and their like are.
const OF_THE_CLUSTER: Treatment = Treatment::Nothing(
    "a mesh sees the Pods, Services and EndpointSlices that a cluster makes of it",
);
const NOT_OF_THE_MESH: Treatment = Treatment::Nothing("it says nothing to a mesh");

const fn kind(
    group: &'static str,
    kind: &'static str,
    versions: &'static [&'static str],
    treatment: Treatment,
) -> Kind {
    Kind {
        group,
        kind,
        versions,
        treatment,
    }
}

/// All kinds that are known.
pub static KINDS: &[Kind] = &[
    kind(
        "",
        "Namespace",
        V1,
        Treatment::Whole(kubernetes::namespace::lower),
    ),
    kind("", "Node", V1, Treatment::Whole(kubernetes::node::lower)),
    kind("", "Pod", V1, Treatment::Whole(kubernetes::pod::lower)),
    kind(
        "",
        "Service",
        V1,
        Treatment::Whole(kubernetes::service::lower),
    ),
    kind(
        "",
        "ServiceAccount",
        V1,
        Treatment::Whole(kubernetes::service_account::lower),
    ),
    kind(
        "discovery.k8s.io",
        "EndpointSlice",
        V1,
        Treatment::Whole(kubernetes::endpoint_slice::lower),
    ),
    kind(
        "",
        "Endpoints",
        V1,
        Treatment::Nothing("a mesh reads EndpointSlices, which a cluster makes of it"),
    ),
    kind(
        "",
        "ConfigMap",
        V1,
        Treatment::Nothing(
            "mesh configuration is read from mesh.yaml at the root of the directory",
        ),
    ),
    kind("", "Event", &[], NOT_OF_THE_MESH),
    kind("", "LimitRange", &[], NOT_OF_THE_MESH),
    kind("", "PersistentVolume", &[], NOT_OF_THE_MESH),
    kind("", "PersistentVolumeClaim", &[], NOT_OF_THE_MESH),
    kind("", "ReplicationController", &[], OF_THE_CLUSTER),
    kind("", "ResourceQuota", &[], NOT_OF_THE_MESH),
    kind("", "Secret", &[], Treatment::NotYet),
    kind(
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
        &[],
        NOT_OF_THE_MESH,
    ),
    kind(
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        &[],
        NOT_OF_THE_MESH,
    ),
    kind(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        &[],
        NOT_OF_THE_MESH,
    ),
    kind("apps", "DaemonSet", &[], OF_THE_CLUSTER),
    kind("apps", "Deployment", &[], OF_THE_CLUSTER),
    kind("apps", "ReplicaSet", &[], OF_THE_CLUSTER),
    kind("apps", "StatefulSet", &[], OF_THE_CLUSTER),
    kind(
        "autoscaling",
        "HorizontalPodAutoscaler",
        &[],
        NOT_OF_THE_MESH,
    ),
    kind("batch", "CronJob", &[], OF_THE_CLUSTER),
    kind("batch", "Job", &[], OF_THE_CLUSTER),
    kind("coordination.k8s.io", "Lease", &[], NOT_OF_THE_MESH),
    kind("networking.k8s.io", "Ingress", &[], Treatment::NotYet),
    kind("networking.k8s.io", "NetworkPolicy", &[], NOT_OF_THE_MESH),
    kind("policy", "PodDisruptionBudget", &[], NOT_OF_THE_MESH),
    kind(
        "rbac.authorization.k8s.io",
        "ClusterRole",
        &[],
        NOT_OF_THE_MESH,
    ),
    kind(
        "rbac.authorization.k8s.io",
        "ClusterRoleBinding",
        &[],
        NOT_OF_THE_MESH,
    ),
    kind("rbac.authorization.k8s.io", "Role", &[], NOT_OF_THE_MESH),
    kind(
        "rbac.authorization.k8s.io",
        "RoleBinding",
        &[],
        NOT_OF_THE_MESH,
    ),
    kind(
        "mesh.istio.io",
        "MeshConfig",
        &["v1alpha1"],
        Treatment::Spec(istio::mesh_config::lower),
    ),
    kind(
        NETWORKING,
        "VirtualService",
        V1_V1BETA1_V1ALPHA3,
        Treatment::Spec(istio::virtual_service::lower),
    ),
    kind(
        NETWORKING,
        "DestinationRule",
        V1_V1BETA1_V1ALPHA3,
        Treatment::Spec(istio::destination_rule::lower),
    ),
    kind(
        NETWORKING,
        "ServiceEntry",
        V1_V1BETA1_V1ALPHA3,
        Treatment::Spec(istio::service_entry::lower),
    ),
    kind(
        NETWORKING,
        "WorkloadEntry",
        V1_V1BETA1_V1ALPHA3,
        Treatment::Spec(istio::workload_entry::lower),
    ),
    kind(
        NETWORKING,
        "Sidecar",
        V1_V1BETA1_V1ALPHA3,
        Treatment::Spec(istio::sidecar::lower),
    ),
    kind(
        NETWORKING,
        "Gateway",
        V1_V1BETA1_V1ALPHA3,
        Treatment::NotYet,
    ),
    kind(
        NETWORKING,
        "WorkloadGroup",
        V1_V1BETA1_V1ALPHA3,
        Treatment::NotYet,
    ),
    kind(NETWORKING, "EnvoyFilter", &["v1alpha3"], Treatment::NotYet),
    kind(NETWORKING, "ProxyConfig", &["v1beta1"], Treatment::NotYet),
    kind(
        SECURITY,
        "AuthorizationPolicy",
        V1_V1BETA1,
        Treatment::Spec(istio::authorization_policy::lower),
    ),
    kind(
        SECURITY,
        "PeerAuthentication",
        V1_V1BETA1,
        Treatment::Spec(istio::peer_authentication::lower),
    ),
    kind(
        SECURITY,
        "RequestAuthentication",
        V1_V1BETA1,
        Treatment::Spec(istio::request_authentication::lower),
    ),
    kind(
        "telemetry.istio.io",
        "Telemetry",
        &["v1", "v1alpha1"],
        Treatment::NotYet,
    ),
    kind(
        "extensions.istio.io",
        "TrafficExtension",
        &["v1alpha1"],
        Treatment::NotYet,
    ),
    kind(
        "extensions.istio.io",
        "WasmPlugin",
        &["v1alpha1"],
        Treatment::NotYet,
    ),
    kind(GATEWAY_API, "GatewayClass", V1_V1BETA1, Treatment::NotYet),
    kind(GATEWAY_API, "Gateway", V1_V1BETA1, Treatment::NotYet),
    kind(GATEWAY_API, "HTTPRoute", V1_V1BETA1, Treatment::NotYet),
    kind(GATEWAY_API, "GRPCRoute", V1, Treatment::NotYet),
    kind(
        GATEWAY_API,
        "TLSRoute",
        &["v1", "v1alpha3", "v1alpha2"],
        Treatment::NotYet,
    ),
    kind(
        GATEWAY_API,
        "TCPRoute",
        &["v1", "v1alpha2"],
        Treatment::NotYet,
    ),
    kind(
        GATEWAY_API,
        "UDPRoute",
        &["v1", "v1alpha2"],
        Treatment::NotYet,
    ),
    kind(GATEWAY_API, "ListenerSet", V1, Treatment::NotYet),
    kind(GATEWAY_API, "ReferenceGrant", V1_V1BETA1, Treatment::NotYet),
    kind(
        GATEWAY_API,
        "BackendTLSPolicy",
        &["v1", "v1alpha3"],
        Treatment::NotYet,
    ),
];

/// A kind, if it is known.
pub fn find(group: &str, kind: &str) -> Option<&'static Kind> {
    KINDS
        .iter()
        .find(|known| known.kind == kind && known.group == group)
}
