//! What people see of the mesh: access logs, the state of proxies, metrics; and that a change of
//! policy is all that they see of a change.

use std::time::Duration;

use ferromesh_testkit::client::{Answer, Connection, Protocol, Request, Tcp, WebSocket};
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::mesh::Workload;
use ferromesh_testkit::wait::{eventually, within};
use hyper::Method;
use serde_json::Value;

use crate::pair::{Pair, Port};

const PORTS: [Port<'_>; 2] = [
    ("http", 80, (Kind::Http, 8080)),
    ("tcp", 90, (Kind::Tcp, 8090)),
];

/// Changes of policy are in force within this time.
const SOON: Duration = Duration::from_secs(2);

fn get(path: &str) -> Request {
    Request::get("server", path)
}

/// The fields of a line: separated by spaces, except within quotes and brackets.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut rest) = (Vec::new(), line);
    while !rest.is_empty() {
        let (field, end) = match rest.chars().next() {
            Some('"') => rest[1..].split_once('"').expect("a closing quote"),
            Some('[') => rest[1..].split_once(']').expect("a closing bracket"),
            _ => rest.split_once(' ').unwrap_or((rest, "")),
        };
        fields.push(field.to_owned());
        rest = end.strip_prefix(' ').unwrap_or(end);
    }
    fields
}

/// The line of the access log that contains a word.
async fn logged(workload: &Workload, word: &str) -> String {
    eventually(&format!("a line with {word}"), async || {
        let log = workload.access_log();
        let line = log.iter().find(|line| line.contains(word)).cloned();
        line.ok_or_else(|| log.join("\n"))
    })
    .await
}

fn number(text: &str) -> u64 {
    text.parse()
        .unwrap_or_else(|_| panic!("{text:?} is no number"))
}

/// `2026-08-22T10:11:12.345Z`, within the last minutes is not asked: clocks differ.
fn assert_time(text: &str) {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{text}");
}

#[tokio::test]
async fn the_access_log_has_every_field_of_istios_default_line() {
    let pair = Pair::open(&PORTS, "accessLogFile: /dev/stdout\n", "").await;
    pair.until("the service", 80, get("/"), |answer| answer.status == 200)
        .await;
    let mut connection = Connection::open(pair.client.outbound(80), Protocol::Http1)
        .await
        .unwrap();
    let request = get("/logged?a=b")
        .method(Method::POST)
        .header("user-agent", "probe/1.0 (of a test)")
        .header("x-request-id", "7d3f1c9e-0000-4000-8000-00000000abcd")
        .header("x-echo-delay", "20ms")
        .body("12345");
    let answer = connection.send(request).await.unwrap();
    let (client, server) = (pair.client.settings(), pair.server.settings());
    let sent = fields(&logged(&pair.client, "/logged").await);
    let received = fields(&logged(&pair.server, "/logged").await);
    let asked = "outbound_.80_._.server.shop.svc.cluster.local";
    for (line, length, server_name) in [(&sent, 22, "-"), (&received, 23, asked)] {
        assert_eq!(line.len(), length, "{line:?}");
        assert_time(&line[0]);
        let alike = [
            (1, "POST /logged?a=b HTTP/1.1"),
            (2, "200"),
            (3, "-"),            // flags
            (4, "via_upstream"), // details
            (5, "-"),            // why the connection ended
            (6, "-"),            // why there was no connection
            (7, "5"),            // bytes received
            (8, &answer.body.len().to_string()),
            (11, "-"), // forwarded for
            (12, "probe/1.0 (of a test)"),
            (13, "7d3f1c9e-0000-4000-8000-00000000abcd"),
            (14, "server"), // authority
            (20, server_name),
            (21, "default"), // route
        ];
        for (at, text) in alike {
            assert_eq!(line[at], text, "field {at} of {line:?}");
        }
        let (duration, upstream) = (number(&line[9]), number(&line[10]));
        assert!(
            (20..5000).contains(&upstream) && upstream <= duration,
            "{line:?}"
        );
    }
    // The server's says who asked.
    assert_eq!(received[22], "spiffe://cluster.local/ns/shop/sa/default");
    // From the client's application to its proxy, on to the server's, and to the application.
    assert_eq!(sent[18], pair.client.outbound(80).to_string());
    assert_eq!(sent[19], connection.local_address().to_string());
    assert_eq!(sent[15], format!("{}:8080", server.address));
    assert_eq!(sent[16], "outbound|80||server.shop.svc.cluster.local");
    assert_eq!(received[18], format!("{}:8080", server.address));
    assert_eq!(
        received[19], sent[17],
        "what one side connects from, the other is connected by"
    );
    assert_eq!(received[15], format!("{}:8080", server.app));
    assert_eq!(received[16], "inbound|8080||");
    assert!(received[17].contains(':'), "{received:?}");
    assert_ne!(client.address, server.address);

    // A connection without requests.
    let mut lines = Tcp::open(pair.client.outbound(90)).await.unwrap();
    lines.say("hello").await.unwrap();
    assert_eq!(lines.hear().await.unwrap().as_deref(), Some("hello"));
    drop(lines);
    let line = fields(&logged(&pair.client, "outbound|90|").await);
    assert_eq!(line.len(), 22, "{line:?}");
    assert_time(&line[0]);
    let expected = ["- - -", "0", "-", "-", "-", "-", "6", "6"];
    assert_eq!(line[1..9], expected, "{line:?}");
    number(&line[9]);
    assert_eq!(line[10..15], ["-", "-", "-", "-", "-"], "{line:?}");
    assert_eq!(line[15], format!("{}:8090", server.address));
    assert_eq!(line[18], pair.client.outbound(90).to_string());

    // Failures have their flag: nobody listens at the server.
    let mut pair = pair;
    pair.server.stop_echo();
    assert_eq!(pair.send(80, get("/refused")).await.status, 503);
    let line = fields(&logged(&pair.server, "/refused").await);
    // After the retries that proxies do on the way in.
    assert_eq!(line[2], "503", "{line:?}");
    assert!(line[3].split(',').any(|flag| flag == "UF"), "{line:?}");
    assert!(
        line[4].starts_with("upstream_reset_before_response_started{"),
        "{line:?}"
    );
    assert_ne!(line[6], "-", "{line:?}");
}

#[tokio::test]
async fn access_logs_are_json_or_of_ones_own_making() {
    let pair = Pair::open(
        &PORTS,
        "{accessLogFile: /dev/stdout, accessLogEncoding: JSON}\n",
        "",
    )
    .await;
    pair.until("the service", 80, get("/"), |answer| answer.status == 200)
        .await;
    let agent = "a \"browser\"";
    let request = get("/as-json?q=1").header("user-agent", agent);
    let answer = pair.send(80, request).await;
    let line = logged(&pair.client, "/as-json").await;
    let json: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    for (field, value) in [
        ("method", Value::from("GET")),
        ("path", "/as-json?q=1".into()),
        ("protocol", "HTTP/1.1".into()),
        ("response_code", 200.into()),
        ("response_code_details", "via_upstream".into()),
        ("bytes_sent", answer.body.len().into()),
        ("bytes_received", 0.into()),
        ("authority", "server".into()),
        (
            "upstream_cluster",
            "outbound|80||server.shop.svc.cluster.local".into(),
        ),
        (
            "downstream_local_address",
            pair.client.outbound(80).to_string().into(),
        ),
        ("route_name", "default".into()),
        ("user_agent", agent.into()),
        ("x_forwarded_for", Value::Null),
    ] {
        assert_eq!(json[field], value, "{field} in {line}");
    }
    assert_eq!(json.as_object().unwrap().len(), 24, "{line}");

    // Changes of the format are in force for new connections.
    let becomes = async |config: &str, expected: &str| {
        pair.mesh.manifests().write("mesh.yaml", config);
        eventually(config, async || {
            get("/as-told")
                .header("x-own", "1")
                .send(pair.client.outbound(80))
                .await?;
            let log = pair.client.access_log();
            match log.iter().any(|line| line == expected) {
                true => Ok(()),
                false => Err(log.last().cloned().unwrap_or_default()),
            }
        })
        .await;
    };
    becomes(
        "accessLogFile: /dev/stdout\naccessLogFormat: 'own %REQ(:METHOD)% %REQ(X-OWN)% %RESPONSE_CODE%'\n",
        "own GET 1 200",
    )
    .await;
    becomes(
        "accessLogFile: /dev/stdout\naccessLogEncoding: JSON\naccessLogFormat: '{\"who\": \"me\", \"code\": \"%RESPONSE_CODE%\"}'\n",
        "{\"code\":200,\"who\":\"me\"}",
    )
    .await;
    // And off: what is sent when listeners don't log leaves no line before what is sent later.
    pair.mesh.manifests().write("mesh.yaml", "{}\n");
    eventually("listeners do not log", async || {
        let dump = pair.client.config_dump().await;
        match active_listeners(&dump).contains("access_loggers.file") {
            false => Ok(()),
            true => Err("they do".to_owned()),
        }
    })
    .await;
    pair.send(80, get("/silent")).await;
    becomes(
        "accessLogFile: /dev/stdout\naccessLogFormat: '%REQ(:PATH)%'\n",
        "/as-told",
    )
    .await;
    let log = pair.client.access_log();
    assert!(!log.iter().any(|line| line.contains("silent")), "{log:?}");
}

/// The listeners of a config dump that accept connections.
fn active_listeners(dump: &Value) -> String {
    let configs = dump["configs"].as_array().expect("a dump has parts");
    let listeners = configs
        .iter()
        .flat_map(|config| config["dynamic_listeners"].as_array().into_iter().flatten());
    listeners
        .map(|listener| listener["active_state"].to_string())
        .collect()
}

fn policy(version: u32, rule: &str, ejection: u32) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: server, namespace: shop}}
spec:
  hosts: [server]
  http:
  - headers: {{response: {{set: {{x-policy: '{version}'}}}}}}
    route: [{{destination: {{host: server}}}}]
{rule}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: server, namespace: shop}}
spec:
  host: server
  trafficPolicy: {{outlierDetection: {{consecutive5xxErrors: {ejection}}}}}
"
    )
}

#[tokio::test]
async fn policies_change_within_two_seconds_and_no_connection_breaks() {
    let pair = Pair::open(&PORTS, "", &policy(0, "", 5)).await;
    pair.until("the policy", 80, get("/"), |answer| {
        answer.header("x-policy") == "0"
    })
    .await;
    let outbound = pair.client.outbound(80);
    let mut http1 = Connection::open(outbound, Protocol::Http1).await.unwrap();
    let mut http2 = Connection::open(outbound, Protocol::Http2).await.unwrap();
    let mut socket = WebSocket::open(outbound, "server", "/").await.unwrap();
    let mut lines = Tcp::open(pair.client.outbound(90)).await.unwrap();
    let rules = [
        "    timeout: 9s",
        "    retries: {attempts: 1}",
        "    rewrite: {uri: /other}",
    ];
    for version in 1..=6 {
        let rule = rules[version as usize % rules.len()];
        // Routes alone; or routes and clusters.
        pair.apply(&policy(version, rule, 5 + version / 3));
        for connection in [&mut http1, &mut http2] {
            within(SOON, "the change is in force", async || {
                let answer: Answer = connection
                    .send(get("/"))
                    .await
                    .expect("the connection holds");
                assert_eq!(answer.status, 200, "{}", answer.text());
                match answer.header("x-policy") == version.to_string() {
                    true => Ok(()),
                    false => Err(answer.header("x-policy").to_owned()),
                }
            })
            .await;
            assert!(connection.is_open());
        }
        assert_eq!(
            socket.exchange("still open").await.as_deref(),
            Ok("still open")
        );
        lines.say("still open").await.unwrap();
        assert_eq!(lines.hear().await.unwrap().as_deref(), Some("still open"));
    }
}

/// What `/debug/syncz` says of a proxy.
async fn status_of(pair: &Pair, proxy: &str) -> Result<Value, String> {
    let all = pair.mesh.debug_json("/debug/syncz").await;
    let found = all
        .as_array()
        .and_then(|all| all.iter().find(|status| status["proxy"] == proxy).cloned());
    found.ok_or_else(|| format!("{proxy} is not in {all}"))
}

#[tokio::test]
async fn the_control_plane_tells_who_is_connected_and_up_to_date() {
    let pair = Pair::open(&PORTS, "", &policy(0, "", 5)).await;
    let synced = async || {
        for proxy in ["client.shop", "server.shop"] {
            eventually("both proxies have acknowledged everything", async || {
                let status = status_of(&pair, proxy).await?;
                for kind in ["cluster", "listener", "route", "endpoint"] {
                    let (sent, acked) = (
                        &status[format!("{kind}_sent")],
                        &status[format!("{kind}_acked")],
                    );
                    if sent != acked
                        || (proxy == "client.shop" && sent.as_str().is_none_or(str::is_empty))
                    {
                        return Err(format!("{kind}: {status}"));
                    }
                }
                Ok(())
            })
            .await;
        }
    };
    synced().await;
    let before = status_of(&pair, "client.shop").await.unwrap();
    pair.apply(&policy(1, "", 7));
    pair.until("the change", 80, get("/"), |answer| {
        answer.header("x-policy") == "1"
    })
    .await;
    eventually("another version of clusters", async || {
        let now = status_of(&pair, "client.shop").await?;
        if now["cluster_acked"] == before["cluster_acked"] {
            Err(now.to_string())
        } else {
            Ok(())
        }
    })
    .await;
    synced().await;

    let dump = pair
        .mesh
        .debug_json("/debug/config_dump?proxy=client.shop")
        .await
        .to_string();
    for name in [
        "outbound|80||server.shop.svc.cluster.local",
        "server.shop.svc.cluster.local:80",
    ] {
        assert!(dump.contains(name), "{name} is not in the dump");
    }
    let endpoints = pair.mesh.debug_json("/debug/endpointz").await.to_string();
    let address = pair.server.settings().address.to_string();
    assert!(
        endpoints.contains(&address),
        "{address} is not in {endpoints}"
    );
    assert_eq!(
        pair.mesh
            .debug("/debug/config_dump?proxy=nobody.shop")
            .await
            .unwrap()
            .status,
        404
    );
    assert_eq!(
        pair.mesh.debug_json("/debug/diagnostics").await,
        Value::Array(Vec::new())
    );
}

/// The sum of a metric over all of its labels that contain a text.
fn metric(metrics: &str, name: &str, label: &str) -> Option<f64> {
    let lines = metrics.lines().filter(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['{', ' ']))
            && line.contains(label)
    });
    let values: Vec<f64> = lines
        .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
        .collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

#[tokio::test]
async fn metrics_count_under_istios_names() {
    let pair = Pair::open(&PORTS, "", &policy(0, "", 5)).await;
    let read = async || pair.mesh.debug("/metrics").await.unwrap().text();
    let is = async |name: &str, expected: f64| {
        eventually(name, async || match metric(&read().await, name, "") {
            Some(value) if value == expected => Ok(()),
            other => Err(format!("{other:?}, not {expected}")),
        })
        .await;
    };
    is("pilot_xds", 2.0).await;
    is("pilot_services", 1.0).await;
    is("pilot_virt_services", 1.0).await;
    is("pilot_total_xds_rejects", 0.0).await;
    let before = read().await;
    for kind in ["cds", "eds", "lds", "rds"] {
        let pushes = metric(&before, "pilot_xds_pushes", &format!("type=\"{kind}\""));
        assert!(pushes.is_some_and(|count| count >= 1.0), "{kind}: {before}");
    }
    for name in [
        "istio_build",
        "pilot_xds_push_time_count",
        "process_resident_memory_bytes",
    ] {
        assert!(
            metric(&before, name, "").is_some_and(|value| value > 0.0),
            "{name}: {before}"
        );
    }
    pair.apply(&policy(1, "", 7));
    eventually("the change is counted", async || {
        let now = read().await;
        let events =
            |text: &str| metric(text, "pilot_k8s_cfg_events", "event=\"update\"").unwrap_or(0.0);
        let timed =
            |text: &str| metric(text, "pilot_proxy_convergence_time_count", "").unwrap_or(0.0);
        match (events(&now) - events(&before), timed(&now) > timed(&before)) {
            (2.0, true) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    drop(pair.server);
    eventually("one proxy has left", async || {
        let text = pair.mesh.debug("/metrics").await?.text();
        match metric(&text, "pilot_xds", "") {
            Some(1.0) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}
