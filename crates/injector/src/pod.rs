//! The part of a pod that counts here, typed. Reading it proves the shape of what the steps then change as JSON.

use std::collections::BTreeMap;

use ferromesh_api::read;
use serde::Deserialize;
use serde_json::Value;

use crate::Refusal;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pod {
    pub metadata: Metadata,
    pub spec: Spec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metadata {
    pub name: String,
    pub generate_name: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub owner_references: Vec<OwnerReference>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OwnerReference {
    pub kind: String,
    pub name: String,
    pub controller: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Spec {
    pub host_network: bool,
    #[serde(rename = "hostPID")]
    pub host_pid: bool,
    #[serde(rename = "hostIPC")]
    pub host_ipc: bool,
    pub os: Os,
    pub node_selector: BTreeMap<String, String>,
    pub dns_policy: String,
    pub security_context: SecurityContext,
    pub init_containers: Vec<Container>,
    pub containers: Vec<Container>,
    pub ephemeral_containers: Vec<Container>,
    pub volumes: Vec<Volume>,
    pub image_pull_secrets: Vec<Reference>,
}

impl Spec {
    /// All containers, with the name of the list that they are in.
    pub fn all_containers(&self) -> impl Iterator<Item = (&'static str, usize, &Container)> {
        fn numbered<'a>(
            list: &'static str,
            containers: &'a [Container],
        ) -> impl Iterator<Item = (&'static str, usize, &'a Container)> {
            let containers = containers.iter().enumerate();
            containers.map(move |(at, container)| (list, at, container))
        }
        numbered("initContainers", &self.init_containers)
            .chain(numbered("containers", &self.containers))
            .chain(numbered("ephemeralContainers", &self.ephemeral_containers))
    }

    /// Whether it has no container but the user's own part of the proxy's.
    pub fn is_all_proxy(&self) -> bool {
        let mut containers = self.containers.iter();
        containers.all(|container| container.name == crate::PROXY)
    }

    /// Whether it is for nodes that our proxy can't run on.
    pub fn is_for_windows(&self) -> bool {
        let selected = |name: &str| {
            let value = self.node_selector.get(name);
            value.is_some_and(|value| value == "windows")
        };
        self.os.name == "windows"
            || selected("kubernetes.io/os")
            || selected("beta.kubernetes.io/os")
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Os {
    pub name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Reference {
    pub name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Volume {
    pub name: String,
    pub host_path: Option<HostPath>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct HostPath {
    pub path: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Container {
    pub name: String,
    pub ports: Vec<Port>,
    pub env: Vec<Reference>,
    pub volume_mounts: Vec<Mount>,
    pub security_context: SecurityContext,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Port {
    pub name: String,
    pub container_port: u16,
    pub host_port: u16,
    pub protocol: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Mount {
    pub name: String,
    pub mount_path: String,
}

/// Of a pod or of a container; what is absent was not said.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SecurityContext {
    pub privileged: bool,
    pub allow_privilege_escalation: Option<bool>,
    pub capabilities: Capabilities,
    pub run_as_user: Option<i64>,
    pub run_as_group: Option<i64>,
    pub proc_mount: String,
    pub seccomp_profile: Profile,
    pub app_armor_profile: Profile,
    pub windows_options: WindowsOptions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Capabilities {
    pub add: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Profile {
    #[serde(rename = "type")]
    pub kind: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WindowsOptions {
    pub host_process: bool,
}

/// Reads what counts.
///
/// # Errors
/// If it has another shape than a pod.
pub(crate) fn read(pod: &Value) -> Result<Pod, Refusal> {
    // What is unknown here is somebody else's business.
    match read::read::<Pod>(pod, "") {
        (Some(pod), _) => Ok(pod),
        (None, faults) => Err(faults.into_iter().last().map_or_else(
            || Refusal::new("", "is no pod", "give an object with metadata and spec"),
            Refusal::from,
        )),
    }
}
