//! The kubelet has no certificate, and asks all the same.

use ferromesh_testkit::client::Request;
use ferromesh_testkit::wait;
use http::Method;
use serde_json::{Value, json};

use super::ground::{Ground, PORT, STRICT, container, is_ready, pod, restarts};

/// A pod whose kubelet asks it so, often.
fn probed(name: &str, handler: &Value) -> Value {
    let mut pod = pod(name);
    let mut probe = handler.clone();
    probe["periodSeconds"] = json!(1);
    let container = &mut pod["spec"]["containers"][0];
    container["args"] = json!([
        "--instance=$(POD)",
        "--http=0.0.0.0:8080",
        "--https=0.0.0.0:8443",
        "--tcp=0.0.0.0:9000",
    ]);
    container["ports"] = json!([{"containerPort": PORT, "name": "web"}]);
    for kind in ["startupProbe", "readinessProbe", "livenessProbe"] {
        probe["failureThreshold"] = json!(if kind == "startupProbe" { 30 } else { 2 });
        container[kind] = probe.clone();
    }
    pod
}

#[tokio::test]
async fn every_kind_of_probe_passes_and_fails_under_strict() {
    let ground = Ground::new("probes");
    ground.room.apply(STRICT);
    let http = json!({"httpGet": {"path": "/status/202", "port": "web"}});
    let grpc = json!({"grpc": {"port": PORT}});
    let pods = [
        probed("http", &http),
        probed(
            "https",
            &json!({"httpGet": {"path": "/", "port": 8443, "scheme": "HTTPS"}}),
        ),
        probed("tcp", &json!({"tcpSocket": {"port": 9000}})),
        probed("grpc", &grpc),
        probed(
            "exec",
            &json!({"exec": {"command": ["/usr/local/bin/ferromesh-ask", "--version"]}}),
        ),
    ];
    ground.run(&pods);
    // The mesh has closed it to others.
    let refused = ground.outside(Request::get("http", "/"), ground.address("http"));
    assert!(refused.is_err(), "{refused:?}");

    let nobody = [
        probed(
            "no-tls",
            &json!({"httpGet": {"port": 8080, "scheme": "HTTPS"}}),
        ),
        probed("no-tcp", &json!({"tcpSocket": {"port": 9}})),
        probed(
            "no-http",
            &json!({"httpGet": {"path": "/status/503", "port": 8080}}),
        ),
        probed("no-grpc", &json!({"grpc": {"port": 9}})),
    ];
    ground.apply(&nobody);
    for name in ["no-tls", "no-tcp", "no-http", "no-grpc"] {
        wait::within(3 * wait::DEADLINE, "the author is told", async || {
            let of = format!("--field-selector=involvedObject.name={name}");
            let messages = "jsonpath={.items[*].message}";
            let said = ground
                .room
                .kubectl(&["get", "events", &of, "--output", messages]);
            if said.contains("Startup probe failed") {
                Ok(())
            } else {
                Err(format!("{name}: {said}"))
            }
        })
        .await;
        assert!(!is_ready(&ground.get(&format!("pod/{name}"))), "{name}");
    }

    // Whoever was well and falls ill is started again, and is well.
    for name in ["http", "grpc"] {
        let fault = Request::get("x", "/_echo/fault?fail=503").method(Method::PUT);
        let network = ground.room.network(name);
        ground.within(&network, fault, PORT).expect("an answer");
    }
    for name in ["http", "grpc"] {
        let what = format!("{name} is started again");
        ground
            .until(&what, &format!("pod/{name}"), |pod| {
                restarts(pod, "app") == 1 && is_ready(pod)
            })
            .await;
    }
    for name in ["https", "tcp", "exec"] {
        let pod = ground.get(&format!("pod/{name}"));
        assert!(is_ready(&pod) && restarts(&pod, "app") == 0, "{name}");
    }
}

#[tokio::test]
async fn handlers_and_sidecars_of_others_are_asked_under_strict() {
    let ground = Ground::new("handlers");
    ground.room.apply(STRICT);
    let mut handled = pod("handled");
    let mut helper = container("helper", &["--http=0.0.0.0:8081"]);
    helper["restartPolicy"] = json!("Always");
    helper["startupProbe"] = json!({"tcpSocket": {"port": 8081}, "periodSeconds": 1});
    helper["readinessProbe"] =
        json!({"httpGet": {"path": "/_echo/counters", "port": 8081}, "periodSeconds": 1});
    handled["spec"]["initContainers"] = json!([helper]);
    let told = |path: &str| {
        json!({"httpGet": {
            "path": path, "port": 8081, "httpHeaders": [{"name": "x-echo-delay", "value": "1s"}],
        }})
    };
    handled["spec"]["containers"][0]["lifecycle"] =
        json!({"postStart": told("/begin"), "preStop": told("/end")});
    ground.run(&[handled]);
    let network = ground.room.network("handled");
    assert_eq!(ground.requests(&network, 8081), 1, "it has begun");
    let pod = ground.get("pod/handled");
    assert_eq!((restarts(&pod, "app"), restarts(&pod, "helper")), (0, 0));

    let delete = ["delete", "pod/handled", "--wait=false"];
    ground.room.kubectl(&delete);
    wait::eventually("it ends", async || {
        let requests = ground.requests(&network, 8081);
        if requests == 2 {
            Ok(())
        } else {
            Err(format!("{requests} requests"))
        }
    })
    .await;
}
