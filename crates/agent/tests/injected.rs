//! What the injector writes into pods is what the agent reads.

use clap::Parser;
use ferromesh_agent::settings::{Captured, Interception};
use ferromesh_agent::{arguments, capture};
use ferromesh_injector::{NamespaceFacts, Settings, inject};
use serde_json::{Value, json};

#[derive(Parser)]
enum Program {
    Proxy(Box<arguments::Arguments>),
    Capture(Box<capture::arguments::Arguments>),
}

/// The agent's reading of the arguments of a container, with the references in them that Kubernetes resolves.
fn read(pod: &Value, container: &str) -> Program {
    let containers = pod["spec"]["initContainers"].as_array().unwrap();
    let found = containers.iter().find(|item| item["name"] == container);
    let found = found.unwrap();
    assert_eq!(found["command"], json!(["ferromesh-agent"]));
    let resolve = |argument: &str| {
        argument
            .replace("$(POD_NAME)", "web-0")
            .replace("$(POD_NAMESPACE)", "shop")
            .replace("$(INSTANCE_IP)", "10.1.2.3")
    };
    let words = found["args"].as_array().unwrap().iter();
    let words = words.map(|word| resolve(word.as_str().unwrap()));
    Program::try_parse_from(["ferromesh-agent".to_owned()].into_iter().chain(words)).unwrap()
}

fn injected(annotations: &Value) -> Value {
    let pod =
        json!({"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "a"}]}});
    inject(&pod, &Settings::default(), &NamespaceFacts::default())
        .unwrap()
        .pod
}

#[test]
fn the_proxys_arguments_are_the_agents() {
    for (mode, expected) in [
        ("REDIRECT", Some(Captured::Redirect)),
        ("TPROXY", Some(Captured::Tproxy)),
        ("NONE", None),
    ] {
        let pod = injected(&json!({
            "sidecar.istio.io/interceptionMode": mode,
            "sidecar.istio.io/logLevel": "critical",
            "sidecar.istio.io/agentLogLevel": "default:debug",
            "proxy.istio.io/config": "concurrency: 3\nproxyAdminPort: 15100\nterminationDrainDuration: 7s\nstatusPort: 15200",
        }));
        let Program::Proxy(mut arguments) = read(&pod, "istio-proxy") else {
            panic!("another program");
        };
        // There is none here to be found.
        arguments.envoy = Some(std::env::current_exe().unwrap());
        let settings = arguments.settings().unwrap();
        let captured = match settings.interception {
            Interception::Captured(how) => Some(how),
            Interception::None(_) => None,
        };
        assert_eq!(captured, expected);
        assert_eq!(settings.concurrency, 3);
        assert_eq!(settings.admin_address.to_string(), "127.0.0.1:15100");
        assert_eq!(settings.patience.work.as_secs(), 7);
        assert_eq!(
            (settings.workload.as_str(), settings.namespace.as_str()),
            ("web-0", "shop")
        );
    }
}

#[test]
fn the_arguments_of_capture_are_the_agents() {
    let pod = injected(&json!({
        "traffic.sidecar.istio.io/includeInboundPorts": "80,443",
        "traffic.sidecar.istio.io/excludeOutboundIPRanges": "10.0.0.0/8,fd00::/8",
        "traffic.sidecar.istio.io/excludeOutboundPorts": "25",
        "traffic.sidecar.istio.io/excludeInterfaces": "net-1.2_3",
        "istio.io/reroute-virtual-interfaces": "tap0",
    }));
    let Program::Capture(arguments) = read(&pod, "istio-init") else {
        panic!("another program");
    };
    let scope = arguments.scope().unwrap().expect("something is captured");
    assert_eq!(scope.captured, Captured::Redirect);
    let excluded: Vec<_> = scope.excluded_inbound_ports.into_iter().collect();
    assert_eq!(excluded, [15020, 15021, 15090]);
    assert_eq!(scope.excluded_outbound_ranges.len(), 2);
    assert_eq!(scope.excluded_interfaces.len(), 1);
    assert_eq!(scope.virtual_interfaces.len(), 1);
}
