//! What goes when the release goes: a ClusterRole without rules, which the chart keeps for this
//! alone, owns everything that we write and that nobody wants to keep.

use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::Api;

use super::{Cluster, told};

/// Its name.
pub fn name(namespace: &str) -> String {
    format!("ferromesh-{namespace}-webhooks")
}

/// The reference to it as it is now; nothing if it isn't there.
///
/// # Errors
/// If the API server doesn't say.
pub async fn reference(cluster: &Cluster) -> Result<Option<OwnerReference>, String> {
    let name = name(&cluster.namespace);
    let api: Api<ClusterRole> = Api::all(cluster.client.clone());
    let found = api.get_metadata_opt(&name).await;
    let found = found.map_err(|error| format!("clusterrole {name}: {}", told(&error)))?;
    Ok(found.map(|owner| OwnerReference {
        api_version: "rbac.authorization.k8s.io/v1".to_owned(),
        kind: "ClusterRole".to_owned(),
        name,
        uid: owner.metadata.uid.unwrap_or_default(),
        block_owner_deletion: None,
        controller: None,
    }))
}
