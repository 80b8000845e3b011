//! The cluster, and what is installed in it.

use ferromesh_chassis::Failure;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ListParams, PostParams};
use kube::{Client, ResourceExt};

use super::verdict::Line;
use crate::live::{self, failed};

/// The oldest version whose webhooks have conditions.
const OLDEST: u32 = 30;

/// The groups of Istio's kinds.
const GROUPS: [&str; 4] = [
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "extensions.istio.io",
];

/// How many kinds there are.
const KINDS: usize = 15;

/// The version of Kubernetes.
pub(super) async fn version(client: &Client) -> Result<Line, Failure> {
    let info = client
        .apiserver_version()
        .await
        .map_err(failed("the version of the API server"))?;
    let digits = info.minor.trim_end_matches(|c: char| !c.is_ascii_digit());
    let fact = format!("Kubernetes is {}", info.git_version);
    Ok(match digits.parse::<u32>() {
        Ok(minor) if info.major == "1" && minor >= OLDEST => Line::fine(fact),
        _ => Line::wrong(fact, format!("the mesh needs 1.{OLDEST} or newer")),
    })
}

/// Other meshes that would ask for the same pods.
pub(super) async fn others(client: &Client, namespace: &str) -> Result<Vec<Line>, Failure> {
    let all: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let found = all.list(&ListParams::default()).await;
    let found = found.map_err(failed("webhook configurations"))?;
    let own = format!("ferromesh-{namespace}");
    let injectors = found
        .items
        .iter()
        .map(ResourceExt::name_any)
        .filter(|name| {
            *name != own
                && [
                    "istio-sidecar-injector",
                    "istio-revision-tag",
                    "linkerd-proxy-injector",
                ]
                .iter()
                .any(|other| name.starts_with(other))
        });
    let mut lines: Vec<_> = injectors
        .map(|name| {
            Line::odd(
                format!("another mesh injects pods: webhook configuration {name}"),
                "namespaces with istio-injection=enabled would get two proxies; use istio.io/rev until the other is gone",
            )
        })
        .collect();
    if lines.is_empty() {
        lines.push(Line::fine("no other mesh injects pods"));
    }
    Ok(lines)
}

/// Whether whoever asks may install it.
pub(super) async fn rights(client: &Client, namespace: &str) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for (group, resource, within) in [
        ("", "namespaces", ""),
        ("apiextensions.k8s.io", "customresourcedefinitions", ""),
        ("rbac.authorization.k8s.io", "clusterroles", ""),
        ("rbac.authorization.k8s.io", "clusterrolebindings", ""),
        ("apps", "deployments", namespace),
    ] {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    group: text(group),
                    resource: text(resource),
                    namespace: text(within),
                    verb: text("create"),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
        let answer = api.create(&PostParams::default(), &review).await;
        let answer = answer.map_err(failed("what you may do"))?;
        let may = answer.status.is_some_and(|status| status.allowed);
        lines.push(if may {
            Line::fine(format!("you may create {resource}"))
        } else {
            Line::wrong(
                format!("you may not create {resource}"),
                "ask for a ClusterRoleBinding to cluster-admin, or have it installed",
            )
        });
    }
    Ok(lines)
}

/// The kinds that people write.
pub(super) async fn definitions(client: &Client) -> Result<Vec<Line>, Failure> {
    let all: Api<CustomResourceDefinition> = Api::all(client.clone());
    let found = all.list(&ListParams::default()).await;
    let found = found.map_err(failed("definitions of kinds"))?;
    let is_ours =
        |definition: &&CustomResourceDefinition| GROUPS.contains(&&*definition.spec.group);
    let (mut served, mut lines) = (0, Vec::new());
    for definition in found.items.iter().filter(is_ours) {
        let conditions = definition
            .status
            .iter()
            .flat_map(|status| status.conditions.iter().flatten());
        let mut conditions = conditions.filter(|condition| condition.type_ == "Established");
        if conditions.any(|condition| condition.status == "True") {
            served += 1;
        } else {
            let name = definition.name_any();
            lines.push(Line::wrong(
                format!("{name} is not served"),
                format!("kubectl describe crd {name}"),
            ));
        }
    }
    lines.push(if served >= KINDS {
        Line::fine(format!("{served} kinds of Istio's are served"))
    } else {
        Line::wrong(
            format!("{served} of {KINDS} kinds of Istio's are served"),
            "helm install ferromesh-crds charts/ferromesh-crds",
        )
    });
    Ok(lines)
}

/// The control plane and what it keeps.
pub(super) async fn control_plane(client: &Client, namespace: &str) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let found = deployments.get_opt("ferromesh").await;
    let Some(deployment) = found.map_err(failed("deployment ferromesh"))? else {
        let text = format!("there is no control plane in namespace {namespace}");
        return Ok(vec![Line::wrong(
            text,
            "helm install ferromesh charts/ferromesh -n ferromesh-system --create-namespace",
        )]);
    };
    let wanted = deployment.spec.and_then(|spec| spec.replicas).unwrap_or(1);
    let ready = deployment
        .status
        .and_then(|status| status.ready_replicas)
        .unwrap_or(0);
    let fact = format!("{ready} of {wanted} replicas of the control plane are ready");
    lines.push(if ready >= wanted {
        Line::fine(fact)
    } else {
        Line::wrong(fact, format!("kubectl -n {namespace} describe pods; kubectl -n {namespace} logs deployment/ferromesh"))
    });
    for replica in live::replicas(client, namespace).await? {
        lines.push(reached(client, &replica).await);
    }
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    for name in ["cacerts", "ferromesh-ca"] {
        match secrets.get_metadata_opt(name).await {
            Ok(Some(_)) => {
                lines.push(Line::fine(format!("the authority is secret {name}")));
                break;
            }
            Ok(None) if name == "ferromesh-ca" => lines.push(Line::wrong(
                "there is no authority",
                "the control plane makes it when it starts; see its log",
            )),
            Ok(None) => {}
            Err(_) => {
                lines.push(Line::odd(
                    format!("whether there is a secret {name} may not be seen"),
                    "ask somebody who may",
                ));
                break;
            }
        }
    }
    lines.extend(webhooks(client, namespace).await?);
    Ok(lines)
}

/// Whether the API server reaches a replica.
async fn reached(client: &Client, replica: &k8s_openapi::api::core::v1::Pod) -> Line {
    let name = replica.name_any();
    match live::get(client, replica, live::DEBUG_PORT, "/ready").await {
        Ok(_) => Line::fine(format!("replica {name} is ready")),
        Err(error) => Line::wrong(
            format!("replica {name} is not ready: {error}"),
            "see its log",
        ),
    }
}

/// Whether the API server asks us, and trusts us.
async fn webhooks(client: &Client, namespace: &str) -> Result<Vec<Line>, Failure> {
    let name = format!("ferromesh-{namespace}");
    let all: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let found = all
        .get_opt(&name)
        .await
        .map_err(failed("webhook configurations"))?;
    let Some(configuration) = found else {
        let text = format!("there is no webhook configuration {name}: pods get no proxies");
        return Ok(vec![Line::wrong(
            text,
            "the control plane writes it when it is ready; see its log",
        )]);
    };
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let roots = maps
        .get_opt("istio-ca-root-cert")
        .await
        .map_err(failed("configmap istio-ca-root-cert"))?;
    let roots = roots
        .and_then(|map| map.data?.remove("root-cert.pem"))
        .unwrap_or_default();
    let hooks = configuration.webhooks.unwrap_or_default();
    let trusts = hooks.iter().all(|hook| {
        let bundle = hook.client_config.ca_bundle.as_ref();
        bundle.is_some_and(|bundle| bundle.0 == roots.as_bytes())
    });
    Ok(vec![if trusts && !roots.is_empty() {
        Line::fine(format!(
            "webhook configuration {name} trusts the roots of now"
        ))
    } else {
        Line::wrong(
            format!("webhook configuration {name} does not trust the roots of now"),
            "the control plane mends that within seconds; see its log",
        )
    }])
}
