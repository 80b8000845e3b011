//! Volumes: ours, and those that a pod's annotations add for the proxy.

use serde_json::{Value, json};

use crate::annotation::{Annotations, name};
use crate::draft::{Fields, name_of};
use crate::pod::Pod;
use crate::{PROXY, Refusal};

/// The token by which the proxy proves who its pod is. Nobody but the proxy may mount it.
pub(crate) const TOKEN: &str = "istio-token";
const ROOT: &str = "istiod-ca-cert";
const SCRATCH: &str = "istio-envoy";
/// All of ours.
pub(crate) const OURS: [&str; 3] = [SCRATCH, TOKEN, ROOT];

/// Where the proxy may write, since its root is read-only.
pub(crate) const SCRATCH_PATH: &str = "/etc/istio/proxy";
const TOKEN_PATH: &str = "/var/run/secrets/tokens";
const ROOT_PATH: &str = "/var/run/secrets/istio";
const OUR_PATHS: [&str; 3] = [SCRATCH_PATH, TOKEN_PATH, ROOT_PATH];

/// What `sidecar.istio.io/userVolume` and `userVolumeMount` add.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct UserVolumes {
    pub volumes: Vec<Value>,
    pub mounts: Vec<Value>,
}

impl UserVolumes {
    /// Reads the annotations: mappings from names to what a volume, or a mount, has besides its name.
    pub fn read(said: Annotations<'_>) -> Result<Self, Refusal> {
        let volumes = named(said, name::USER_VOLUME)?;
        for volume in &volumes {
            // What a pod may not have by its spec, it doesn't get by an annotation, which policies don't look at.
            if volume.get("hostPath").is_some() {
                return Err(Refusal::annotation(
                    name::USER_VOLUME,
                    format!("volume {:?} is a path of the node", name_of(volume)),
                    "declare it in spec.volumes, where policies of the cluster see it, and mount it by sidecar.istio.io/userVolumeMount",
                ));
            }
        }
        let mounts = named(said, name::USER_VOLUME_MOUNT)?;
        for mount in &mounts {
            let path = mount.get("mountPath").and_then(Value::as_str);
            let path = path.unwrap_or_default();
            let refusal = if !path.starts_with('/') || path.contains("..") {
                "has no mountPath that begins with \"/\""
            } else if OUR_PATHS.iter().any(|ours| covers(path, ours)) {
                "would hide what the proxy needs"
            } else {
                continue;
            };
            return Err(Refusal::annotation(
                name::USER_VOLUME_MOUNT,
                format!("mount {:?} {refusal}", name_of(mount)),
                "write {\"VOLUME\": {\"mountPath\": \"/some/path\", \"readOnly\": true}}",
            ));
        }
        Ok(Self { volumes, mounts })
    }
}

/// Whether what is mounted at one path hides another.
fn covers(path: &str, other: &str) -> bool {
    let path = path.trim_end_matches('/');
    match other.strip_prefix(path) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// A mapping in an annotation, as a list whose items have names.
fn named(said: Annotations<'_>, annotation: &'static str) -> Result<Vec<Value>, Refusal> {
    let Some(text) = said.get(annotation) else {
        return Ok(Vec::new());
    };
    let refuse = |message: String| {
        Refusal::annotation(
            annotation,
            message,
            "write JSON such as {\"NAME\": {\"emptyDir\": {}}}",
        )
    };
    let fields: Fields = serde_json::from_str(text)
        .map_err(|error| refuse(format!("is no JSON mapping: {error}")))?;
    let item = |(name, value): (String, Value)| {
        let Value::Object(value) = value else {
            return Err(refuse(format!("{name:?} is no mapping")));
        };
        if OURS.contains(&name.as_str()) {
            return Err(refuse(format!("{name:?} is the injector's name")));
        }
        if value.contains_key("name") {
            return Err(refuse(format!("{name:?} has a second name")));
        }
        let mut item = Fields::from_iter([("name".to_owned(), json!(name))]);
        item.extend(value);
        Ok(Value::Object(item))
    };
    fields.into_iter().map(item).collect()
}

/// What the proxy mounts.
pub(crate) fn mounts(users: &UserVolumes) -> Vec<Value> {
    let mut mounts = vec![
        json!({"name": SCRATCH, "mountPath": SCRATCH_PATH}),
        json!({"name": TOKEN, "mountPath": TOKEN_PATH, "readOnly": true}),
        json!({"name": ROOT, "mountPath": ROOT_PATH, "readOnly": true}),
    ];
    mounts.extend(users.mounts.iter().cloned());
    mounts
}

/// The volumes that a pod gets. Kubernetes makes the token readable for all users if containers differ in theirs, and
/// for `fsGroup` if there is one, so no group has to be set.
pub(crate) fn volumes(users: &UserVolumes) -> Vec<Value> {
    let mut volumes = vec![
        json!({"name": SCRATCH, "emptyDir": {"medium": "Memory"}}),
        json!({"name": TOKEN, "projected": {"sources": [
            {"serviceAccountToken": {"audience": "istio-ca", "expirationSeconds": 43200, "path": "istio-token"}},
        ]}}),
        json!({"name": ROOT, "configMap": {"name": "istio-ca-root-cert"}}),
    ];
    volumes.extend(users.volumes.iter().cloned());
    volumes
}

/// Refuses pods whose volumes have our names, and containers that would get at our volumes by them.
pub(crate) fn check(pod: &Pod, users: &UserVolumes) -> Result<(), Refusal> {
    for (at, volume) in pod.spec.volumes.iter().enumerate() {
        let name = volume.name.as_str();
        let path = || format!("spec.volumes[{at}].name");
        if OURS.contains(&name) {
            let message = format!("{name:?} is the injector's name");
            return Err(Refusal::new(
                path(),
                message,
                "give the volume another name",
            ));
        }
        if users.volumes.iter().any(|other| name_of(other) == name) {
            return Err(Refusal::new(
                path(),
                format!("{name:?} is in sidecar.istio.io/userVolume, too"),
                "keep one of them; sidecar.istio.io/userVolumeMount mounts either",
            ));
        }
    }
    for (list, at, container) in pod.spec.all_containers() {
        let is_ours = container.name == PROXY && list != "ephemeralContainers";
        for (nr, mount) in container.volume_mounts.iter().enumerate() {
            if OURS.contains(&mount.name.as_str()) && !is_ours {
                return Err(Refusal::new(
                    format!("spec.{list}[{at}].volumeMounts[{nr}].name"),
                    format!(
                        "container {:?} mounts the proxy's volume {:?}",
                        container.name, mount.name
                    ),
                    "use a volume of the pod's own",
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::UserVolumes;
    use crate::annotation::{Annotations, name};

    #[test]
    fn volumes_of_users_are_mappings_of_their_own() {
        for (annotation, text, part) in [
            (name::USER_VOLUME, r#"{"a": {"emptyDir": {}}}"#, None),
            (name::USER_VOLUME, "[]", Some("no JSON mapping")),
            (
                name::USER_VOLUME,
                r#"{"a": 1}"#,
                Some("\"a\" is no mapping"),
            ),
            (
                name::USER_VOLUME,
                r#"{"a": {"hostPath": {"path": "/"}}}"#,
                Some("is a path of the node"),
            ),
            (
                name::USER_VOLUME,
                r#"{"istio-token": {}}"#,
                Some("is the injector's name"),
            ),
            (
                name::USER_VOLUME,
                r#"{"a": {"name": "b"}}"#,
                Some("second name"),
            ),
            (
                name::USER_VOLUME_MOUNT,
                r#"{"a": {"mountPath": "/etc/certs", "readOnly": true}}"#,
                None,
            ),
            (
                name::USER_VOLUME_MOUNT,
                r#"{"a": {"mountPath": "/var/run/secrets/"}}"#,
                Some("would hide"),
            ),
            (
                name::USER_VOLUME_MOUNT,
                r#"{"a": {"mountPath": "/"}}"#,
                Some("would hide"),
            ),
            (
                name::USER_VOLUME_MOUNT,
                r#"{"a": {"mountPath": "x"}}"#,
                Some("no mountPath"),
            ),
        ] {
            let said = BTreeMap::from([(annotation.to_owned(), text.to_owned())]);
            match (UserVolumes::read(Annotations(&said)), part) {
                (Ok(_), None) => {}
                (Err(refusal), Some(part)) => {
                    assert!(refusal.to_string().contains(part), "{refusal}");
                }
                (outcome, _) => panic!("{text}: {outcome:?}"),
            }
        }
    }
}
