//! Which traffic goes through the proxy, and which around it.

use ferromesh_testkit::client::Request;
use ferromesh_testkit::wait;
use serde_json::{Value, json};

use super::ground::{Ground, PORT, STRICT, caller, container, pod, service};

/// Asks until the answer is as it should be.
async fn until(
    ground: &Ground,
    what: &str,
    from: &str,
    url: &str,
    holds: impl Fn(&Value) -> bool,
) -> Value {
    wait::eventually(what, async || {
        let answers = ground.room.ask(from, &[url]);
        if holds(&answers[0]) {
            Ok(answers[0].clone())
        } else {
            Err(answers[0].to_string())
        }
    })
    .await
}

fn is_known(answer: &Value) -> bool {
    answer["status"] == 200 && !caller(answer).is_empty()
}

#[tokio::test]
async fn excluded_ports_go_around_the_proxy_in_and_out() {
    let ground = Ground::new("excluded");
    let mut server = pod("server");
    server["metadata"]["annotations"] =
        json!({"traffic.sidecar.istio.io/excludeInboundPorts": "9090"});
    server["spec"]["containers"][0] =
        container("app", &["--http=0.0.0.0:8080", "--http=0.0.0.0:9090"]);
    let mut around = pod("around");
    around["metadata"]["annotations"] =
        json!({"traffic.sidecar.istio.io/excludeOutboundPorts": "80"});
    let mut ranges = pod("ranges");
    ranges["metadata"]["annotations"] =
        json!({"traffic.sidecar.istio.io/includeOutboundIPRanges": "192.0.2.0/24"});
    ground.apply(&[service("server")]);
    ground.run(&[server, around, ranges, pod("client")]);

    let url = "http://server/";
    until(&ground, "the proxy is used", "pod/client", url, is_known).await;
    for from in ["pod/around", "pod/ranges"] {
        let answers = ground.room.ask(from, &[url]);
        assert_eq!(answers[0]["status"], 200, "{from}: {answers:?}");
        assert_eq!(caller(&answers[0]), "", "{from}: {answers:?}");
    }

    ground.room.apply(STRICT);
    let captured = ground.address("server");
    wait::eventually("others are refused", async || {
        match ground.outside(Request::get("server", "/"), captured) {
            Err(_) => Ok(()),
            Ok(answer) => Err(answer.status.to_string()),
        }
    })
    .await;
    let mut open = captured;
    open.set_port(9090);
    let answer = ground.outside(Request::get("server", "/"), open);
    assert_eq!(answer.map(|answer| answer.status.as_u16()), Ok(200));
}

#[tokio::test]
async fn with_tproxy_the_application_sees_its_clients() {
    let ground = Ground::new("tproxy");
    ground.room.apply(STRICT);
    let mut server = pod("server");
    server["metadata"]["annotations"] = json!({"sidecar.istio.io/interceptionMode": "TPROXY"});
    server["spec"]["containers"][0]["readinessProbe"] =
        json!({"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1});
    ground.apply(&[service("server"), service("client")]);
    ground.run(&[server, pod("client")]);
    let answer = until(
        &ground,
        "it answers",
        "pod/client",
        "http://server/",
        is_known,
    )
    .await;
    let client = ground.address("client").ip().to_string();
    assert_eq!(answer["body"]["client"], client.as_str(), "{answer}");
    // It asks others, too, by the mesh's TLS.
    until(&ground, "it asks", "pod/server", "http://client/", is_known).await;
}

#[tokio::test]
async fn without_capture_a_pod_passes_restricted_and_is_in_the_mesh() {
    let ground = Ground::labelled(
        "restricted",
        &[
            "istio-injection=enabled",
            "pod-security.kubernetes.io/enforce=restricted",
        ],
    );
    ground.room.apply(STRICT);
    let pods = ["server", "client"].map(|name| {
        let mut pod = pod(name);
        pod["metadata"]["annotations"] = json!({"sidecar.istio.io/interceptionMode": "NONE"});
        // The proxy takes the port at the pod's address.
        let container = &mut pod["spec"]["containers"][0];
        container["args"] = json!(["--instance=$(POD)", "--http=127.0.0.1:8080"]);
        container["securityContext"] = json!({
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": true,
            "runAsUser": 4711,
            "seccompProfile": {"type": "RuntimeDefault"},
        });
        pod
    });
    ground.apply(&[service("server")]);
    ground.run(&pods);
    // Programs find it by the proxy's address for HTTP.
    let ask = ["--header=host:server", "http://127.0.0.1:15002/"];
    wait::eventually("the mesh is there", async || {
        let answers = ground.room.ask("pod/client", &ask);
        if is_known(&answers[0]) {
            Ok(())
        } else {
            Err(answers[0].to_string())
        }
    })
    .await;
    let around = ground.outside(Request::get("server", "/"), ground.address("server"));
    assert!(around.is_err(), "{around:?}");
}

#[tokio::test]
async fn metrics_of_the_application_and_of_its_proxy_are_at_one_port() {
    let ground = Ground::new("metrics");
    ground.room.apply(STRICT);
    let mut server = pod("server");
    server["metadata"]["annotations"] = json!({
        "prometheus.io/scrape": "true", "prometheus.io/port": "8080", "prometheus.io/path": "/_echo/metrics",
    });
    ground.apply(&[service("server")]);
    ground.run(&[server, pod("client")]);
    until(
        &ground,
        "it answers",
        "pod/client",
        "http://server/",
        is_known,
    )
    .await;
    let annotations = &ground.get("pod/server")["metadata"]["annotations"];
    let said = |name: &str| annotations[format!("prometheus.io/{name}")].clone();
    assert_eq!(said("port"), "15020");
    let path = said("path");
    let mut at = ground.address("server");
    at.set_port(15020);
    let request = Request::get("prometheus", path.as_str().expect("a path"));
    let text = ground.outside(request, at).expect("metrics").text();
    for part in [
        "\necho_requests_total 1\n",
        "\nferromesh_agent_certificate_expiry_timestamp_seconds ",
        "\nenvoy_cluster_upstream_rq_total{",
    ] {
        assert!(format!("\n{text}").contains(part), "{part:?} in {text}");
    }
}
