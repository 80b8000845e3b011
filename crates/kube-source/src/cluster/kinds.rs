//! Which kinds are watched, and what of their objects is kept: what the dialects read, and
//! nothing else. A field that a dialect begins to read has to be added here; a test compares.

use super::mask::Mask;

/// A kind that is watched.
#[derive(Debug)]
pub(super) struct Kind {
    /// Its group; empty for Kubernetes' core group.
    pub group: &'static str,
    /// Its name.
    pub kind: &'static str,
    /// Its name in paths.
    pub plural: &'static str,
    /// The versions that dialects know, the preferred one first.
    pub versions: &'static [&'static str],
    /// Whether it is always there.
    pub presence: Presence,
    /// In which form it is asked for.
    pub form: Form,
    /// What is kept of an object.
    pub mask: Mask,
}

/// Whether a kind is always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It is one of Kubernetes' own.
    BuiltIn,
    /// Only while a CustomResourceDefinition for it exists.
    Defined,
}

/// In which form objects are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Complete.
    Whole,
    /// Only their metadata.
    Metadata,
}

impl Kind {
    /// The name of the definition, if it has one.
    pub fn definition(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }
}

/// Whether an annotation or label is the mesh's, and no mere record of what was done.
fn is_meshs(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    let of = |of: &str| {
        domain
            .strip_suffix(of)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    (of("istio.io") || of("ferromesh.io")) && key != "sidecar.istio.io/status"
}

fn is_topology(key: &str) -> bool {
    key.starts_with("topology.") || key.starts_with("failure-domain.beta.kubernetes.io/")
}

fn is_of_slices(key: &str) -> bool {
    key == "kubernetes.io/service-name" || is_meshs(key)
}

const WHOLE: Mask = Mask::Whole;
const MESHS: Mask = Mask::Keys(is_meshs);

macro_rules! metadata {
    ($labels:expr $(, $more:literal)*) => {
        Mask::Fields(&[
            ("name", WHOLE),
            ("namespace", WHOLE),
            ("resourceVersion", WHOLE),
            ("labels", $labels),
            ("annotations", MESHS),
            ("creationTimestamp", WHOLE),
            ("deletionTimestamp", WHOLE),
            $(($more, WHOLE),)*
        ])
    };
}

/// Namespaces: their labels choose what is discovered.
pub(super) static NAMESPACE: Kind = Kind {
    group: "",
    kind: "Namespace",
    plural: "namespaces",
    versions: &["v1"],
    presence: Presence::BuiltIn,
    form: Form::Metadata,
    mask: Mask::Fields(&[("metadata", metadata!(WHOLE, "uid"))]),
};

/// Definitions of further kinds.
pub(super) static DEFINITION: Kind = Kind {
    group: "apiextensions.k8s.io",
    kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions",
    versions: &["v1"],
    presence: Presence::BuiltIn,
    form: Form::Metadata,
    mask: Mask::Fields(&[(
        "metadata",
        Mask::Fields(&[
            ("name", WHOLE),
            ("resourceVersion", WHOLE),
            // Counts changes of what is served.
            ("generation", WHOLE),
            ("uid", WHOLE),
        ]),
    )]),
};

/// The mesh configuration.
pub(super) static CONFIG_MAP: Kind = Kind {
    group: "",
    kind: "ConfigMap",
    plural: "configmaps",
    versions: &["v1"],
    presence: Presence::BuiltIn,
    form: Form::Whole,
    mask: Mask::Fields(&[
        (
            "metadata",
            Mask::Fields(&[
                ("name", WHOLE),
                ("namespace", WHOLE),
                ("resourceVersion", WHOLE),
            ]),
        ),
        ("data", Mask::Fields(&[("mesh", WHOLE)])),
    ]),
};

const CONTAINER_PORTS: Mask = Mask::Items(&Mask::Fields(&[
    ("name", WHOLE),
    ("containerPort", WHOLE),
    ("protocol", WHOLE),
]));

static NODE: Kind = Kind {
    group: "",
    kind: "Node",
    plural: "nodes",
    versions: &["v1"],
    presence: Presence::BuiltIn,
    form: Form::Metadata,
    mask: Mask::Fields(&[(
        "metadata",
        Mask::Fields(&[
            ("name", WHOLE),
            ("resourceVersion", WHOLE),
            ("labels", Mask::Keys(is_topology)),
        ]),
    )]),
};

static POD: Kind = Kind {
    group: "",
    kind: "Pod",
    plural: "pods",
    versions: &["v1"],
    presence: Presence::BuiltIn,
    form: Form::Whole,
    mask: Mask::Fields(&[
        // The uid is what tokens are bound to.
        ("metadata", metadata!(WHOLE, "uid")),
        (
            "spec",
            Mask::Fields(&[
                ("nodeName", WHOLE),
                ("serviceAccountName", WHOLE),
                ("serviceAccount", WHOLE),
                ("hostNetwork", WHOLE),
                (
                    "containers",
                    Mask::Items(&Mask::Fields(&[("ports", CONTAINER_PORTS)])),
                ),
                (
                    "initContainers",
                    Mask::Items(&Mask::Fields(&[
                        ("restartPolicy", WHOLE),
                        ("ports", CONTAINER_PORTS),
                    ])),
                ),
            ]),
        ),
        (
            "status",
            Mask::Fields(&[
                ("phase", WHOLE),
                ("podIP", WHOLE),
                ("podIPs", Mask::Items(&Mask::Fields(&[("ip", WHOLE)]))),
                (
                    "conditions",
                    Mask::Matching(
                        "type",
                        "Ready",
                        &Mask::Fields(&[("type", WHOLE), ("status", WHOLE)]),
                    ),
                ),
            ]),
        ),
    ]),
};

static SERVICE: Kind = Kind {
    group: "",
    kind: "Service",
    plural: "services",
    versions: &["v1"],
    presence: Presence::BuiltIn,
    form: Form::Whole,
    mask: Mask::Fields(&[
        ("metadata", metadata!(MESHS)),
        (
            "spec",
            Mask::Fields(&[
                ("type", WHOLE),
                ("clusterIP", WHOLE),
                ("clusterIPs", WHOLE),
                ("externalName", WHOLE),
                ("externalIPs", WHOLE),
                (
                    "ports",
                    Mask::Items(&Mask::Fields(&[
                        ("name", WHOLE),
                        ("port", WHOLE),
                        ("protocol", WHOLE),
                        ("targetPort", WHOLE),
                        ("appProtocol", WHOLE),
                    ])),
                ),
                ("selector", WHOLE),
                ("publishNotReadyAddresses", WHOLE),
                ("trafficDistribution", WHOLE),
                ("internalTrafficPolicy", WHOLE),
                ("sessionAffinity", WHOLE),
                ("sessionAffinityConfig", WHOLE),
            ]),
        ),
    ]),
};

static ENDPOINT_SLICE: Kind = Kind {
    group: "discovery.k8s.io",
    kind: "EndpointSlice",
    plural: "endpointslices",
    versions: &["v1"],
    presence: Presence::BuiltIn,
    form: Form::Whole,
    mask: Mask::Fields(&[
        ("metadata", metadata!(Mask::Keys(is_of_slices))),
        ("addressType", WHOLE),
        (
            "endpoints",
            Mask::Items(&Mask::Fields(&[
                ("addresses", WHOLE),
                ("conditions", WHOLE),
                ("deprecatedTopology", WHOLE),
                ("hints", WHOLE),
                ("nodeName", WHOLE),
                (
                    "targetRef",
                    Mask::Fields(&[("kind", WHOLE), ("namespace", WHOLE), ("name", WHOLE)]),
                ),
                ("zone", WHOLE),
            ])),
        ),
        (
            "ports",
            Mask::Items(&Mask::Fields(&[("name", WHOLE), ("port", WHOLE)])),
        ),
    ]),
};

/// The generation counts changes of the spec, all of which is read: a status tells of it.
const SPEC: Mask = Mask::Fields(&[
    ("metadata", metadata!(WHOLE, "uid", "generation")),
    ("spec", WHOLE),
]);

const fn istio(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    versions: &'static [&'static str],
) -> Kind {
    Kind {
        group,
        kind,
        plural,
        versions,
        presence: Presence::Defined,
        form: Form::Whole,
        mask: SPEC,
    }
}

const NETWORKING: &str = "networking.istio.io";
const SECURITY: &str = "security.istio.io";
const THREE: &[&str] = &["v1", "v1beta1", "v1alpha3"];
const TWO: &[&str] = &["v1", "v1beta1"];

/// What is watched besides namespaces, definitions and the mesh configuration.
pub(super) static KINDS: &[&Kind] = &[
    &NODE,
    &POD,
    &SERVICE,
    &ENDPOINT_SLICE,
    &istio(NETWORKING, "VirtualService", "virtualservices", THREE),
    &istio(NETWORKING, "DestinationRule", "destinationrules", THREE),
    &istio(NETWORKING, "ServiceEntry", "serviceentries", THREE),
    &istio(NETWORKING, "WorkloadEntry", "workloadentries", THREE),
    &istio(NETWORKING, "WorkloadGroup", "workloadgroups", THREE),
    &istio(NETWORKING, "Sidecar", "sidecars", THREE),
    &istio(NETWORKING, "Gateway", "gateways", THREE),
    &istio(NETWORKING, "EnvoyFilter", "envoyfilters", &["v1alpha3"]),
    &istio(NETWORKING, "ProxyConfig", "proxyconfigs", &["v1beta1"]),
    &istio(
        SECURITY,
        "AuthorizationPolicy",
        "authorizationpolicies",
        TWO,
    ),
    &istio(SECURITY, "PeerAuthentication", "peerauthentications", TWO),
    &istio(
        SECURITY,
        "RequestAuthentication",
        "requestauthentications",
        TWO,
    ),
    &istio(
        "telemetry.istio.io",
        "Telemetry",
        "telemetries",
        &["v1", "v1alpha1"],
    ),
    &istio(
        "extensions.istio.io",
        "WasmPlugin",
        "wasmplugins",
        &["v1alpha1"],
    ),
    &istio(
        "extensions.istio.io",
        "TrafficExtension",
        "trafficextensions",
        &["v1alpha1"],
    ),
];

#[cfg(test)]
mod tests {
    use super::is_meshs;

    #[test]
    fn the_meshs_annotations_are_told_from_others() {
        for (key, meshs) in [
            ("istio.io/rev", true),
            ("networking.istio.io/exportTo", true),
            ("io.ferromesh.io/x", true),
            ("sidecar.istio.io/status", false),
            ("notistio.io/x", false),
            ("kubectl.kubernetes.io/last-applied-configuration", false),
            ("istio.io", false),
        ] {
            assert_eq!(is_meshs(key), meshs, "{key}");
        }
    }
}
