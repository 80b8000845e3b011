//! Certificates are renewed and roots replaced while traffic runs, and the authority comes and goes: nobody notices.

use std::time::Instant;

use ferromesh_testkit::client::{Connection, Protocol, Request, Tcp};
use ferromesh_testkit::mesh::{Mesh, Settings, Workload, manifest};
use ferromesh_testkit::process::Process;
use ferromesh_testkit::wait::{eventually, within};
use serde_json::Value;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::world::{self, World};

/// On port 81 every request has a connection of its own between the proxies.
const SHORT: &str = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
    metadata: {name: server, namespace: shop}\n\
    spec:\n  host: server\n  trafficPolicy:\n    portLevelSettings:\n    \
    - {port: {number: 81}, connectionPool: {http: {maxRequestsPerConnection: 1}}}\n---\n";

/// Long enough for a rotation among leaves of 4 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nobody in it speaks plainly, and connections are short and long.
async fn start(lifetime: &str) -> World {
    let strict = world::peer_authentication("istio-system", "default", "{mtls: {mode: STRICT}}");
    World::open("", &(strict + SHORT), &["--certificate-lifetime", lifetime]).await
}

/// Traffic of every kind, until it is told to end.
struct Traffic {
    end: watch::Sender<bool>,
    tasks: Vec<(&'static str, JoinHandle<Tally>)>,
}

/// How much there was, and what failed.
type Tally = (u64, Vec<String>);

impl Traffic {
    async fn start(world: &World) -> Self {
        let (end, ended) = watch::channel(false);
        let [long, short, tcp] = [80, 81, 84].map(|port| world.client.outbound(port));
        let get = || Request::get("server", "/");
        let mut held = Connection::open(long, Protocol::Http1).await.unwrap();
        let mut line = Tcp::open(tcp).await.unwrap();
        let tasks = vec![
            (
                "requests on one connection",
                tokio::spawn(again(ended.clone(), async move || {
                    status(held.send(get()).await)
                })),
            ),
            (
                "requests on connections of their own",
                tokio::spawn(again(ended.clone(), async move || {
                    status(get().send_by(short, Protocol::Http1).await)
                })),
            ),
            (
                "lines on one connection",
                tokio::spawn(again(ended.clone(), async move || {
                    line.say("again").await?;
                    match line.hear().await? {
                        Some(_) => Ok(()),
                        None => Err("closed".to_owned()),
                    }
                })),
            ),
            (
                "lines on connections of their own",
                tokio::spawn(again(ended, async move || world::echo(tcp).await)),
            ),
        ];
        Self { end, tasks }
    }

    /// Ends it. Nothing has failed.
    async fn flawless(self) {
        self.end.send_replace(true);
        let mut total = 0;
        for (what, task) in self.tasks {
            let (sent, failed) = task.await.unwrap();
            assert!(sent > 0 && failed.is_empty(), "{what}: {sent}, {failed:?}");
            total += sent;
        }
        eprintln!("{total} requests, none of which failed");
    }
}

async fn again(
    ended: watch::Receiver<bool>,
    mut one: impl AsyncFnMut() -> Result<(), String>,
) -> Tally {
    let (mut sent, mut failed) = (0, Vec::new());
    while !*ended.borrow() && failed.len() < 20 {
        sent += 1;
        failed.extend(one().await.err());
        tokio::task::yield_now().await;
    }
    (sent, failed)
}

fn status(outcome: Result<ferromesh_testkit::client::Answer, String>) -> Result<(), String> {
    match outcome {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(format!("{} {}", answer.status, answer.text())),
        Err(error) => Err(error),
    }
}

/// The serial numbers of the certificates that an Envoy shows, and of the roots that it trusts.
async fn certificates(workload: &Workload) -> (Vec<String>, Vec<String>) {
    let text = workload.ask_admin("/certs").await;
    let value: Value = serde_json::from_str(&text).unwrap();
    let of = |kind: &str| {
        let all = value["certificates"].as_array().into_iter().flatten();
        let mut serials: Vec<_> = all
            .flat_map(|pair| pair[kind].as_array().into_iter().flatten())
            .filter_map(|it| Some(it["serial_number"].as_str()?.to_owned()))
            .collect();
        serials.sort();
        serials.dedup();
        serials
    };
    (of("cert_chain"), of("ca_cert"))
}

/// Waits until a workload shows nothing that it has shown.
async fn renewed(workload: &Workload) {
    let (before, _) = certificates(workload).await;
    within(PATIENCE, "another certificate is shown", async || {
        let (now, _) = certificates(workload).await;
        if !now.is_empty() && now.iter().all(|serial| !before.contains(serial)) {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn leaves_are_renewed_under_load() {
    let world = start("4").await;
    let traffic = Traffic::start(&world).await;
    for _ in 0..3 {
        tokio::join!(renewed(&world.client), renewed(&world.server));
    }
    traffic.flawless().await;
    let (shown, _) = certificates(&world.server).await;
    assert_eq!(shown.len(), 1, "all ports show the same: {shown:?}");
}

fn stage(mesh: &Mesh) -> String {
    let text = std::fs::read_to_string(mesh.state().path().join("ca/rotation.json"));
    let value: Value = serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default();
    value["stage"].as_str().unwrap_or_default().to_owned()
}

async fn until_stage(mesh: &Mesh, expected: &str) {
    within(PATIENCE, expected, async || match stage(mesh) {
        now if now == expected => Ok(()),
        now => Err(format!("{now}\n{}", mesh.operator().log())),
    })
    .await;
}

fn roots(mesh: &Mesh) -> Vec<String> {
    let pem = std::fs::read_to_string(mesh.state().root()).unwrap();
    let all = pem.split_inclusive("-----END CERTIFICATE-----\n");
    all.map(str::to_owned).collect()
}

async fn rotate(mesh: &Mesh) {
    let state = mesh.state().path().display().to_string();
    let mut command = Process::run("ferromesh-operator", ["rotate-root", "--state", &state]);
    assert!(command.ended().await.success(), "{}", command.log());
}

#[tokio::test]
async fn the_root_is_replaced_under_load() {
    let world = start("4").await;
    let old = roots(&world.mesh);
    let traffic = Traffic::start(&world).await;
    rotate(&world.mesh).await;
    until_stage(&world.mesh, "introduced").await;
    until_stage(&world.mesh, "switched").await;
    assert_eq!(roots(&world.mesh).len(), 2);
    until_stage(&world.mesh, "stable").await;
    within(PATIENCE, "the old root is gone", async || {
        let new = roots(&world.mesh);
        let (_, trusted) = certificates(&world.server).await;
        if new.len() == 1 && new != old && trusted.len() == 1 {
            Ok(())
        } else {
            Err(format!("{} roots, {trusted:?}", new.len()))
        }
    })
    .await;
    tokio::join!(renewed(&world.client), renewed(&world.server));
    traffic.flawless().await;
}

#[tokio::test]
async fn the_root_is_replaced_by_an_authority_that_is_killed_at_each_stage() {
    let mut world = start("4").await;
    let old = roots(&world.mesh);
    let traffic = Traffic::start(&world).await;
    world.mesh.kill();
    rotate(&world.mesh).await;
    world.mesh.restart().await;
    for expected in ["introduced", "switched"] {
        until_stage(&world.mesh, expected).await;
        world.mesh.restart().await;
        eventually("both roots are published", async || {
            match roots(&world.mesh).len() {
                2 => Ok(()),
                count => Err(format!("{count} in {expected}")),
            }
        })
        .await;
    }
    until_stage(&world.mesh, "stable").await;
    world.mesh.restart().await;
    eventually("the old root is gone", async || {
        let new = roots(&world.mesh);
        if new.len() == 1 && new != old {
            Ok(())
        } else {
            Err(format!("{} roots", new.len()))
        }
    })
    .await;
    tokio::join!(renewed(&world.client), renewed(&world.server));
    traffic.flawless().await;
}

/// Waits until an agent has tried in vain for the second time.
async fn misses_the_authority(workload: &Workload, attempts: usize) {
    eventually("the agent misses the authority", async || {
        let lines = workload.agent().stderr();
        let failed = lines
            .iter()
            .filter(|line| line.contains("no certificate was issued"))
            .count();
        if failed >= attempts {
            Ok(())
        } else {
            Err(format!("{failed} attempts"))
        }
    })
    .await;
}

#[tokio::test]
async fn an_authority_that_is_away_for_more_than_half_a_life_harms_nobody() {
    let mut world = start("10").await;
    let traffic = Traffic::start(&world).await;
    world.mesh.kill();
    // They try from half of their life on.
    tokio::join!(
        misses_the_authority(&world.client, 3),
        misses_the_authority(&world.server, 3)
    );
    world.mesh.restart().await;
    tokio::join!(renewed(&world.client), renewed(&world.server));
    traffic.flawless().await;
}

#[tokio::test]
async fn an_agent_waits_for_the_authority_at_its_start() {
    let mut world = World::plain().await;
    let late = Settings::new("late", "shop", &mut world.addresses).account("late");
    let pod = manifest::pod(&late, &[]);
    world.mesh.manifests().write("late.yaml", &pod);
    world.mesh.certificate("shop", "late").await;
    let plane = world.mesh.secured();
    world.mesh.kill();
    let mut agent = Workload::agent_with(&late, &plane, &[]);
    agent
        .stderr_line("that there is no certificate", |line| {
            line.contains("no certificate was issued")
        })
        .await;
    assert!(agent.stdout().is_empty(), "it announces what does not run");
    world.mesh.restart().await;
    agent.addresses().await;
    agent
        .stderr_line("that the proxy is ready", |line| {
            line.contains("the proxy is ready")
        })
        .await;
    agent.kill();

    let begin = Instant::now();
    let mut agent = Workload::agent_with(&late, &plane, &[]);
    let line = agent
        .stderr_line("that a certificate was issued", |line| {
            line.contains("a certificate was issued")
        })
        .await;
    eprintln!(
        "from the start of the agent to its certificate: {} ms ({line})",
        begin.elapsed().as_millis()
    );
    agent.kill();
}
