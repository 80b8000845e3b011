//! The container that tells the kernel what to redirect.

use serde_json::{Value, json};

use crate::choices::{Capture, Choices};
use crate::draft::Fields;
use crate::proxy::PROXY_ID;
use crate::{CAPTURE, Interception, Settings};

/// Ports of the proxy's own at which others ask it.
const OWN_PORTS: [u16; 2] = [15090, 15021];

/// Who the proxy runs as, whose own connections are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProxyIds {
    pub user: i64,
    pub group: i64,
}

impl Default for ProxyIds {
    fn default() -> Self {
        Self {
            user: PROXY_ID,
            group: PROXY_ID,
        }
    }
}

impl ProxyIds {
    /// Those of a proxy's container. Root is no answer: applications run as root, too, and theirs is not let through.
    pub fn of(proxy: &Fields) -> Self {
        let said = |key: &str| {
            let id = proxy.get("securityContext")?.get(key)?.as_i64()?;
            (id > 0).then_some(id)
        };
        Self {
            user: said("runAsUser").unwrap_or(PROXY_ID),
            group: said("runAsGroup").unwrap_or(PROXY_ID),
        }
    }
}

/// The container; none if nothing is captured.
pub(crate) fn container(settings: &Settings, choices: &Choices, proxy: ProxyIds) -> Option<Fields> {
    if choices.interception == Interception::None {
        return None;
    }
    let mut fields = Fields::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("name", json!(CAPTURE));
    put("image", json!(choices.image));
    if !settings.image_pull_policy.is_empty() {
        put("imagePullPolicy", json!(settings.image_pull_policy));
    }
    put("command", json!(["ferromesh-agent"]));
    put("args", json!(arguments(choices, proxy)));
    put("resources", Value::Object(choices.resources.clone()));
    put(
        "securityContext",
        json!({
            "allowPrivilegeEscalation": false,
            "privileged": false,
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": false,
            "runAsUser": 0,
            "runAsGroup": 0,
            "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }),
    );
    Some(fields)
}

fn arguments(choices: &Choices, proxy: ProxyIds) -> Vec<String> {
    let Capture {
        inbound_ports,
        exclude_inbound_ports,
        outbound_ranges,
        exclude_outbound_ranges,
        outbound_ports,
        exclude_outbound_ports,
        virtual_interfaces,
        exclude_interfaces,
    } = &choices.capture;
    let own = OWN_PORTS.into_iter().chain([choices.metrics_port]);
    let own: Vec<String> = own.map(|port| port.to_string()).collect();
    let excluded = exclude_inbound_ports.to_string();
    let excluded = [own, vec![excluded]].concat();
    let excluded: Vec<String> = excluded
        .into_iter()
        .filter(|ports| !ports.is_empty())
        .collect();
    let mut arguments = vec!["capture".to_owned()];
    for (flag, value) in [
        (
            "--interception-mode",
            choices.interception.as_str().to_owned(),
        ),
        ("--inbound-ports", inbound_ports.to_string()),
        ("--exclude-inbound-ports", excluded.join(",")),
        ("--outbound-ip-ranges", outbound_ranges.to_string()),
        (
            "--exclude-outbound-ip-ranges",
            exclude_outbound_ranges.to_string(),
        ),
        ("--outbound-ports", outbound_ports.to_string()),
        (
            "--exclude-outbound-ports",
            exclude_outbound_ports.to_string(),
        ),
        ("--virtual-interfaces", virtual_interfaces.to_string()),
        ("--exclude-interfaces", exclude_interfaces.to_string()),
        ("--proxy-uid", proxy.user.to_string()),
        ("--proxy-gid", proxy.group.to_string()),
        ("--log-level", choices.agent_log_level.to_owned()),
    ] {
        arguments.extend([flag.to_owned(), value]);
    }
    arguments
}
