//! `ferromesh proxy-config`: what an Envoy in a pod has, as it says itself.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use ferromesh_chassis::Failure;
use ferromesh_chassis::failure::WRONG_USAGE;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use serde_json::Value;

use crate::{live, output};

/// Print what the Envoy of a pod has, in its own JSON. Private keys are not in it.
///
/// Exit status: 0 if it could be read, 1 if not, 2 for wrong usage.
#[derive(Args, Debug)]
pub struct Arguments {
    /// What.
    #[arg(value_enum)]
    what: What,

    /// POD.NAMESPACE, as proxy-status names it; or POD with --namespace.
    pod: String,

    /// The namespace of the pod.
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    Bootstrap,
    Clusters,
    Endpoints,
    Listeners,
    Routes,
    Secrets,
    All,
}

impl What {
    /// The part of Envoy's dump.
    fn of_dump(self) -> Option<&'static str> {
        match self {
            Self::Bootstrap => Some("BootstrapConfigDump"),
            Self::Clusters => Some("ClustersConfigDump"),
            Self::Endpoints => Some("EndpointsConfigDump"),
            Self::Listeners => Some("ListenersConfigDump"),
            Self::Routes => Some("RoutesConfigDump"),
            Self::Secrets => Some("SecretsConfigDump"),
            Self::All => None,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When there is no such pod, or no Envoy in it.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Arguments {
        what,
        pod,
        namespace,
    } = arguments;
    let (name, namespace) = match (namespace, pod.split_once('.')) {
        (Some(namespace), _) => (pod.as_str(), namespace.as_str()),
        (None, Some((name, namespace))) => (name, namespace),
        (None, None) => {
            let text = format!("write {pod}.NAMESPACE, or --namespace");
            return Err(Failure::with_status(text, WRONG_USAGE));
        }
    };
    let dump = live::with_cluster(async |client| {
        let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
        let pod = pods
            .get(name)
            .await
            .map_err(live::failed(format!("pod {namespace}/{name}")))?;
        let page = live::get(&client, &pod, live::ADMIN_PORT, "/config_dump?include_eds").await?;
        serde_json::from_slice::<Value>(&page).map_err(|error| Failure::new(error.to_string()))
    })?;
    let text = serde_json::to_string_pretty(&part(dump, *what));
    let text = text.map_err(|error| Failure::new(error.to_string()))?;
    output::print([text, "\n".to_owned()])?;
    Ok(ExitCode::SUCCESS)
}

/// The part of a dump that is asked for.
fn part(mut dump: Value, what: What) -> Value {
    let Some(kind) = what.of_dump() else {
        return dump;
    };
    let is_it = |part: &Value| {
        let url = part["@type"].as_str().unwrap_or_default();
        url.rsplit('.').next() == Some(kind)
    };
    let parts = dump["configs"]
        .as_array_mut()
        .map(std::mem::take)
        .unwrap_or_default();
    parts.into_iter().find(is_it).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_part_of_a_dump_is_printed() {
        let dump = json!({"configs": [
            {"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", "a": 1},
            {"@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump", "b": 2},
        ]});
        assert_eq!(part(dump.clone(), What::Clusters)["b"], 2);
        assert_eq!(part(dump.clone(), What::Routes), Value::Null);
        assert_eq!(part(dump.clone(), What::All), dump);
    }
}
