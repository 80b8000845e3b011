//! The workload that a pod belongs to.

use crate::pod::Metadata;

/// The workload that a pod belongs to, as far as its name tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl Owner {
    /// The workload of a pod by Istio's rules: what its controller is called, without the hash or the time that
    /// Deployments, Rollouts and CronJobs add to the names of what they make.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let controller = metadata.owner_references.iter().find(|one| one.controller);
        let Some(controller) = controller else {
            return Self {
                kind: "Pod".to_owned(),
                name: if metadata.name.is_empty() {
                    metadata.generate_name.trim_end_matches('-').to_owned()
                } else {
                    metadata.name.clone()
                },
            };
        };
        let (kind, name) = match controller.kind.as_str() {
            "ReplicaSet" => {
                let hashes = [
                    ("pod-template-hash", "Deployment"),
                    ("rollouts-pod-template-hash", "Rollout"),
                ];
                hashes
                    .into_iter()
                    .find_map(|(label, kind)| {
                        let hash = metadata.labels.get(label)?;
                        let name = controller.name.strip_suffix(hash.as_str())?;
                        Some((kind, name.strip_suffix('-')?))
                    })
                    .unwrap_or(("ReplicaSet", &controller.name))
            }
            "Job" => match controller.name.rsplit_once('-') {
                Some((name, time)) if is_time(time) => ("CronJob", name),
                _ => ("Job", controller.name.as_str()),
            },
            kind => (kind, controller.name.as_str()),
        };
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Whether its pods are to end by themselves.
    pub(crate) fn ends(&self) -> bool {
        matches!(self.kind.as_str(), "Job" | "CronJob")
    }
}

/// What a CronJob adds to the names of its Jobs: minutes since 1970.
fn is_time(text: &str) -> bool {
    (8..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Owner;

    #[test]
    fn the_workload_is_who_made_the_controller() {
        let owned = |kind: &str, name: &str, labels: serde_json::Value| {
            json!({"generateName": "x-", "labels": labels,
                "ownerReferences": [{"kind": "Other", "name": "o"}, {"kind": kind, "name": name, "controller": true}]})
        };
        for (metadata, kind, name) in [
            (json!({"name": "web"}), "Pod", "web"),
            (json!({"generateName": "web-"}), "Pod", "web"),
            (
                owned("ReplicaSet", "web-5d9", json!({"pod-template-hash": "5d9"})),
                "Deployment",
                "web",
            ),
            (
                owned(
                    "ReplicaSet",
                    "web-5d9",
                    json!({"rollouts-pod-template-hash": "5d9"}),
                ),
                "Rollout",
                "web",
            ),
            (owned("ReplicaSet", "web", json!({})), "ReplicaSet", "web"),
            (owned("StatefulSet", "db", json!({})), "StatefulSet", "db"),
            (owned("Job", "sum-29012345", json!({})), "CronJob", "sum"),
            (owned("Job", "sum-2", json!({})), "Job", "sum-2"),
        ] {
            let pod = crate::pod::read(&json!({"metadata": metadata})).unwrap();
            let owner = Owner::of(&pod.metadata);
            assert_eq!((owner.kind.as_str(), owner.name.as_str()), (kind, name));
        }
    }
}
