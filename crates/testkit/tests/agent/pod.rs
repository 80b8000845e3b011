//! The agent as injectors start it, with what it may ask the application in its environment.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::{Answer, Request};
use ferromesh_testkit::fixed_ads::FixedAds;
use ferromesh_testkit::process::{self, Process};
use ferromesh_testkit::programs;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::resources::static_cluster;

/// An agent, its application, and where the agent answers scrapers and the kubelet.
struct Pod {
    agent: Process,
    metrics: SocketAddr,
    _ads: FixedAds,
}

/// What an application answers at each path: a status, a content type and a body.
fn answer(request: &hyper::Request<Incoming>) -> Response<Full<Bytes>> {
    let text = "text/plain; version=0.0.4";
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let (status, kind, body) = match request.uri().path() {
        "/metrics" => (200, text, "app_up 1"),
        "/open" => (
            200,
            open,
            "# TYPE open info\nopen_total 7 1.5 # {trace=\"x\"} 1\n# EOF\n",
        ),
        "/page" => (200, "text/html", "<html>secret</html>"),
        "/health" => (200, text, "secret"),
        _ => (500, text, "secret"),
    };
    let response = Response::builder()
        .status(status)
        .header("content-type", kind);
    response.body(Full::from(body)).unwrap()
}

async fn application(address: SocketAddr) {
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(async |request| Ok::<_, Infallible>(answer(&request)));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(async move { drop(connection.await) });
        }
    });
}

const APP_PORT: u16 = 8080;

impl Pod {
    async fn start(variables: &[(&str, String)]) -> Self {
        let mut addresses = Addresses::take();
        let address = addresses.next_ip();
        let app = SocketAddr::new(addresses.next_ip(), APP_PORT);
        let metrics = SocketAddr::new(addresses.next_ip(), 15020);
        let outbound = addresses.next_ip();
        application(app).await;
        let ads = FixedAds::start(Vec::new(), vec![static_cluster("some", app)]).await;
        let mut command = process::command("ferromesh-agent");
        command.arg("proxy").arg("--envoy").arg(programs::envoy());
        for (flag, value) in [
            ("--plaintext-xds", ads.address().to_string()),
            ("--workload", "web-0".to_owned()),
            ("--namespace", "shop".to_owned()),
            ("--address", address.to_string()),
            ("--app-address", app.ip().to_string()),
            ("--outbound-address", outbound.to_string()),
            ("--http-proxy-port", "0".to_owned()),
            ("--admin-address", "127.0.0.1:0".to_owned()),
            ("--status-address", "127.0.0.1:0".to_owned()),
            ("--metrics-address", metrics.to_string()),
            ("--concurrency", "1".to_owned()),
        ] {
            command.arg(flag).arg(value);
        }
        command.envs(variables.iter().map(|(name, value)| (*name, value)));
        let agent = Process::start("web-0", command);
        agent.addresses().await;
        Self {
            agent,
            metrics,
            _ads: ads,
        }
    }

    async fn ask(&self, path: &str) -> Answer {
        let request = Request::get("x", path);
        request.send(self.metrics).await.unwrap()
    }
}

fn probers(what: &Value) -> (&'static str, String) {
    ("ISTIO_KUBE_APP_PROBERS", what.to_string())
}

fn annotations(what: &Value) -> (&'static str, String) {
    ("ISTIO_PROMETHEUS_ANNOTATIONS", what.to_string())
}

#[tokio::test]
async fn metrics_of_all_are_one_text() {
    let target = |path: &str| json!({"port": APP_PORT.to_string(), "path": path});
    let targets = json!([target("/metrics"), target("/open"), target("/page"), target("/none"), {"port": "9"}]);
    let pod = Pod::start(&[annotations(&json!({"scrape": "true", "targets": targets}))]).await;
    let answer = pod.ask("/stats/prometheus").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let text = answer.text();
    for line in [
        "app_up 1",
        "open_total 7",
        "envoy_server_live{} 1",
        "ferromesh_agent_scrape_failures_total{type=\"application\"} 3",
    ] {
        assert!(
            text.lines().any(|other| other == line),
            "{line} is not in {text}"
        );
    }
    for other in ["EOF", "trace", "secret", "open info"] {
        assert!(!text.contains(other), "{other} is in {text}");
    }
}

#[tokio::test]
async fn an_application_is_asked_for_what_was_written_down_and_nothing_else() {
    let get =
        |path: &str| json!({"httpGet": {"port": APP_PORT, "path": path}, "timeoutSeconds": 5});
    let pod = Pod::start(&[
        probers(&json!({
            "/app-health/a/livez": get("/health"),
            "/app-health/a/readyz": get("/down"),
            "/app-health/a/startupz": {"tcpSocket": {"port": "nonsense"}},
            "/app-lifecycle/a/prestop": {"tcpSocket": {"port": APP_PORT}},
        })),
        annotations(&json!({"port": "no port"})),
    ])
    .await;
    for (path, status) in [
        ("/app-health/a/livez", 200),
        ("/app-health/a/livez?path=/other", 200),
        ("/app-health/a/readyz", 500),
        ("/app-health/a/startupz", 503),
        ("/app-lifecycle/a/prestop", 200),
        ("/healthz/ready", 200),
        ("/stats/prometheus", 200),
        ("/app-health/a/poststart", 404),
        ("/app-health/b/livez", 404),
        ("/app-health/a/livez/", 404),
        ("/app-health/../app-health/a/livez", 404),
        ("/app-health/a%2flivez", 404),
        ("//app-health/a/livez", 404),
        ("/http://169.254.169.254/", 404),
        ("/quitquitquit", 404),
        ("/config_dump", 404),
    ] {
        if path == "/healthz/ready" {
            // It listens before it is.
            pod.ready().await;
        }
        let answer = pod.ask(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(!answer.text().contains("secret"), "{path}");
    }
    // As somebody asks who takes the agent for a proxy.
    let elsewhere = Request::get("169.254.169.254", "/latest").through_proxy();
    assert_eq!(elsewhere.send(pod.metrics).await.unwrap().status, 404);
    let said = pod.agent.stderr().join("\n");
    assert!(said.contains("/app-health/a/startupz"), "{said}");
    assert!(said.contains("no metrics of the application"), "{said}");
}

impl Pod {
    async fn ready(&self) {
        ferromesh_testkit::wait::eventually("the proxy is ready", async || {
            let answer = self.ask("/healthz/ready").await;
            match answer.status.as_u16() {
                200 => Ok(()),
                _ => Err(answer.text()),
            }
        })
        .await;
    }
}

#[tokio::test]
async fn an_environment_that_nobody_can_read_is_named() {
    let mut command = process::command("ferromesh-agent");
    command.args([
        "proxy",
        "--plaintext-xds",
        "127.0.0.1:1",
        "--workload",
        "web-0",
        "--namespace",
        "shop",
    ]);
    command.args([
        "--address",
        "127.1.0.1",
        "--admin-address",
        "127.0.0.1:0",
        "--status-address",
        "127.0.0.1:0",
    ]);
    command
        .args(["--http-proxy-port", "0", "--envoy"])
        .arg(programs::envoy());
    command.env("ISTIO_KUBE_APP_PROBERS", "{");
    let mut agent = Process::start("web-0", command);
    assert_eq!(agent.ended().await.code(), Some(1));
    let said = agent.stderr();
    assert!(
        said[0].starts_with("error: ISTIO_KUBE_APP_PROBERS: "),
        "{said:?}"
    );
}
