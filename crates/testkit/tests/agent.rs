//! The agent with a real Envoy: its start, its readiness, what it does when something dies, its end, its errors.

#[path = "agent/announcement.rs"]
mod announcement;
#[path = "agent/key.rs"]
mod key;
#[path = "agent/pod.rs"]
mod pod;
#[path = "agent/resources.rs"]
mod resources;

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::client::{Connection, Protocol, Request};
use ferromesh_testkit::echo::Kind;
use ferromesh_testkit::fixed_ads::FixedAds;
use ferromesh_testkit::mesh::{Settings, Workload};
use ferromesh_testkit::process::Process;
use ferromesh_testkit::programs;
use ferromesh_testkit::wait::eventually;
use resources::{http_listener, static_cluster};
use rustix::process::Signal;

const PORT: u16 = 8080;

const CLUSTER: &str = "outbound|80||app.shop.svc.cluster.local";

/// A workload whose proxy hands its port over to its application, as a fixed control plane says.
async fn workload(arguments: &[&str]) -> (FixedAds, Workload) {
    let mut settings =
        Settings::new("web-0", "shop", &mut Addresses::take()).port(Kind::Http, PORT);
    settings.arguments = arguments
        .iter()
        .map(|argument| (*argument).to_owned())
        .collect();
    let listener = http_listener(SocketAddr::new(settings.address, PORT), CLUSTER);
    let cluster = static_cluster(CLUSTER, SocketAddr::new(settings.app, PORT));
    let ads = FixedAds::start(vec![listener], vec![cluster]).await;
    let workload = Workload::start(settings, ads.address()).await;
    (ads, workload)
}

/// The process id of the Envoy that this agent has started.
fn envoy_of(agent: &Process) -> Result<i32, String> {
    let (id, mut children) = (agent.id(), String::new());
    for task in std::fs::read_dir(format!("/proc/{id}/task"))
        .map_err(|error| error.to_string())?
        .flatten()
    {
        children += &std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
    }
    let mut children = children.split_whitespace().map(str::parse);
    children
        .next()
        .and_then(Result::ok)
        .ok_or_else(|| "the agent has no child".to_owned())
}

async fn gone(process: i32) {
    eventually("Envoy is gone", async || {
        // A zombie whose new parent has not looked yet still has its folder, but no program.
        match std::fs::read_link(format!("/proc/{process}/exe")) {
            Err(_) => Ok(()),
            Ok(program) => Err(format!("{process} still runs {}", program.display())),
        }
    })
    .await;
}

#[tokio::test]
async fn starts_envoy_and_becomes_ready() {
    let (ads, workload) = workload(&[]).await;
    let Settings {
        address,
        app,
        outbound,
        ..
    } = workload.settings();
    for announced in [workload.admin(), workload.status(), workload.http_proxy()] {
        assert_ne!(announced.port(), 0);
    }
    let answer = Request::get("shop", "/")
        .send(workload.inbound(PORT))
        .await
        .unwrap();
    assert_eq!((answer.status.as_u16(), answer.instance()), (200, "web-0"));

    let node = ads.node().unwrap();
    assert_eq!(
        node.id,
        format!("sidecar~{address}~web-0.shop~shop.svc.cluster.local")
    );
    let json = ferromesh_envoy::json::to_json(
        "type.googleapis.com/google.protobuf.Struct",
        &ferromesh_envoy::Message::encode_to_vec(&node.metadata.unwrap()),
    );
    let metadata = json.unwrap();
    for (key, value) in [
        ("INTERCEPTION_MODE", "NONE".to_owned()),
        ("FERROMESH_INBOUND_ADDRESS", address.to_string()),
        ("FERROMESH_APP_ADDRESS", app.to_string()),
        ("FERROMESH_OUTBOUND_ADDRESS", outbound.to_string()),
        (
            "FERROMESH_HTTP_PROXY_PORT",
            workload.http_proxy().port().to_string(),
        ),
    ] {
        assert_eq!(metadata[key], value, "{metadata}");
    }

    let ask = async |path: &str| {
        Request::get("x", path)
            .send(workload.status())
            .await
            .unwrap()
    };
    assert_eq!(ask("/healthz/ready").await.status, 200);
    assert_eq!(ask("/elsewhere").await.status, 404);
    let scraped = ask("/stats/prometheus").await.text();
    for expected in [
        format!("envoy_cluster_upstream_cx_total{{cluster_name=\"{CLUSTER}\"}} 1"),
        "envoy_cluster_upstream_cx_total{cluster_name=\"xds-grpc\"} 1".to_owned(),
        "envoy_http_downstream_rq_total{http_conn_manager_prefix=\"inbound\"} 1".to_owned(),
    ] {
        assert!(
            scraped.contains(&expected),
            "{expected} is not in {scraped}"
        );
    }
}

#[tokio::test]
async fn without_a_control_plane_it_runs_and_is_not_ready() {
    let settings = Settings::new("web-0", "shop", &mut Addresses::take());
    let nowhere = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let workload = Workload::start_unready(settings, nowhere).await;
    let answer = Request::get("x", "/ready")
        .send(workload.status())
        .await
        .unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.text().trim()),
        (503, "the control plane has sent no clusters yet")
    );
}

#[tokio::test]
async fn an_envoy_that_dies_is_restarted_on_the_same_addresses() {
    let (_ads, workload) = workload(&[]).await;
    let first = envoy_of(workload.agent()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(first).unwrap(), Signal::KILL)
        .unwrap();
    let died = |line: &str| line.contains("envoy died") && line.contains("signal: 9");
    workload.agent().stderr_line("that Envoy died", died).await;
    eventually("another Envoy answers", async || {
        let second = envoy_of(workload.agent())?;
        let answer = Request::get("shop", "/")
            .send(workload.inbound(PORT))
            .await?;
        if second != first && answer.status == 200 {
            Ok(())
        } else {
            Err(answer.text())
        }
    })
    .await;
    workload.ready().await;
    assert!(workload.ask_admin("/server_info").await.contains("LIVE"));
}

#[tokio::test]
async fn sigterm_lets_requests_finish() {
    let (_ads, mut workload) = workload(&["--drain-idle-seconds", "0"]).await;
    let envoy = envoy_of(workload.agent()).unwrap();
    let inbound = workload.inbound(PORT);
    let mut idle = Connection::open(inbound, Protocol::Http1).await.unwrap();
    idle.send(Request::get("shop", "/")).await.unwrap();
    let slow = tokio::spawn(Request::get("shop", "/?delay=1s").send(inbound));
    eventually("the request is in flight", async || {
        match workload.echo().counters().active {
            1 => Ok(()),
            active => Err(format!("{active} requests are active")),
        }
    })
    .await;
    workload.agent().terminate();
    eventually("the proxy says that it drains", async || {
        let answer = Request::get("x", "/ready").send(workload.status()).await?;
        if answer.text().contains("draining") {
            Ok(())
        } else {
            Err(answer.text())
        }
    })
    .await;
    // Who comes now is served too, and sent away afterwards.
    eventually("new requests are answered and sent away", async || {
        let late = Request::get("shop", "/").send(inbound).await?;
        assert_eq!(late.status, 200);
        if late.header("connection") == "close" {
            Ok(())
        } else {
            Err(format!("{:?}", late.headers))
        }
    })
    .await;
    assert_eq!(slow.await.unwrap().unwrap().status, 200);
    let status = workload.agent_mut().ended().await;
    assert!(status.success(), "{status}");
    gone(envoy).await;
    idle.closed().await;
}

#[tokio::test]
async fn the_drain_has_an_end() {
    let (_ads, mut workload) = workload(&["--drain-seconds", "1"]).await;
    let endless = tokio::spawn(Request::get("shop", "/?delay=60s").send(workload.inbound(PORT)));
    eventually("the request is in flight", async || {
        match workload.echo().counters().active {
            1 => Ok(()),
            active => Err(format!("{active} requests are active")),
        }
    })
    .await;
    workload.agent().terminate();
    let status = workload.agent_mut().ended().await;
    assert!(status.success(), "{status}");
    assert!(
        !endless
            .await
            .unwrap()
            .is_ok_and(|answer| answer.status == 200)
    );
}

#[tokio::test]
async fn an_agent_that_is_killed_takes_envoy_with_it() {
    let (_ads, mut workload) = workload(&[]).await;
    let envoy = envoy_of(workload.agent()).unwrap();
    workload.agent().signal(Signal::KILL);
    assert_eq!(workload.agent_mut().ended().await.signal(), Some(9));
    gone(envoy).await;
}

#[tokio::test]
async fn what_is_wrong_is_said_in_one_line() {
    let mut addresses = Addresses::take();
    let (address, outbound) = (addresses.next_ip().to_string(), addresses.next_ip());
    let taken = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let _holder = std::net::TcpListener::bind(taken).unwrap();
    let proxy_holder = std::net::TcpListener::bind((outbound, 0)).unwrap();
    let (taken, proxy_port) = (
        taken.to_string(),
        proxy_holder.local_addr().unwrap().port().to_string(),
    );
    let outbound = outbound.to_string();
    let envoy = programs::envoy().display().to_string();
    let needed = [
        ("--plaintext-xds", "127.0.0.1:1"),
        ("--workload", "web-0"),
        ("--namespace", "shop"),
        ("--address", &address),
        ("--envoy", &envoy),
        ("--admin-address", "127.0.0.1:0"),
        ("--status-address", "127.0.0.1:0"),
        ("--http-proxy-port", "0"),
        ("--outbound-address", &outbound),
    ];
    for (flag, value, status, part) in [
        (
            "--plaintext-xds",
            "nowhere",
            2,
            "invalid value 'nowhere' for '--plaintext-xds <HOST:PORT>': expected HOST:PORT",
        ),
        (
            "--address",
            "10.0.0",
            2,
            "invalid value '10.0.0' for '--address <A>': invalid IP address syntax",
        ),
        (
            "--address",
            "127.0.0.1",
            2,
            "--address and --app-address are both 127.0.0.1",
        ),
        (
            "--workload",
            "a~b",
            2,
            "invalid value 'a~b' for '--workload <NAME>'",
        ),
        (
            "--envoy",
            "/nowhere",
            1,
            "--envoy /nowhere: there is no such file",
        ),
        (
            "--envoy",
            "/bin/false",
            1,
            "/bin/false did not start: exit status: 1",
        ),
        ("--status-address", &taken, 1, "the port is taken"),
        (
            "--status-address",
            "192.0.2.1:0",
            1,
            "this machine has no such address",
        ),
        ("--admin-address", &taken, 1, "--admin-address: "),
        ("--http-proxy-port", &proxy_port, 1, "--http-proxy-port: "),
        (
            "--interception-mode",
            "REDIRECT",
            2,
            "has no effect with --interception-mode REDIRECT",
        ),
        ("--adress", "x", 2, "unexpected argument '--adress' found"),
    ] {
        let rest = needed
            .iter()
            .filter(|(name, _)| *name != flag)
            .flat_map(|(name, value)| [*name, *value]);
        let mut agent = Process::run(
            "ferromesh-agent",
            ["proxy", flag, value].into_iter().chain(rest),
        );
        let code = agent.ended().await.code();
        let said = agent.stderr();
        assert_eq!(
            (code, said.len()),
            (Some(status), 1),
            "{flag} {value}: {said:?}"
        );
        assert!(
            said[0].starts_with("error: ") && said[0].contains(part),
            "{flag} {value}: {said:?}"
        );
    }
}
