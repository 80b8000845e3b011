//! Certificates from the real control plane: what one costs it on a connection that is there, and
//! on a new one each, next to what the cryptography alone costs; and what a flood of one identity
//! does to another.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ferromesh_agent::identity::control_plane::{ControlPlane, Fault, token};
use ferromesh_agent::identity::key::Key;
use ferromesh_agent::identity::settings::Credentials;
use ferromesh_identity::TrustDomain;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::Mesh;
use ferromesh_testkit::wait::eventually;

use crate::{cost, limits};

/// Identities that share the requests, so that none of them asks for more than it may.
const IDENTITIES: usize = 100;
/// The first of these keep away from what is measured first: one floods, two are bystanders.
const KEPT: usize = 3;
/// The namespace of all of them.
const NAMESPACE: &str = "shop";
/// Clients that ask at the same time, each on a connection of its own.
const CLIENTS: usize = 4;
/// Certificates of a measurement on connections that are there, and on new ones.
const ON_ONE: usize = 2_000;
const ON_NEW: usize = 500;
/// The best of so many measurements counts, since others use the machine as well.
const REPETITIONS: usize = 5;
/// Certificates that the bystander of a flood asks for, and how often.
const BYSTANDER: usize = 400;
const PACE: Duration = Duration::from_millis(5);

/// A control plane, and who asks it.
struct Town {
    mesh: Mesh,
    credentials: Vec<Credentials>,
    tokens: Vec<String>,
    request: String,
}

/// Measures, and prints rows.
pub async fn run() -> io::Result<()> {
    let town = Arc::new(Town::settle().await?);
    let limits = limits::measure().map_err(io::Error::other)?;
    println!("| certificates | per second and core | µs CPU each | of the limit |");
    println!("|---|---|---|---|");
    row("limit: verify and sign", limits.issue, limits.issue);
    row(
        "limit on a new connection: handshake of TLS 1.3 besides",
        limits.connect,
        limits.connect,
    );
    let one = best(&town, ON_ONE, Connections::Kept).await?;
    row("control plane, connection that is there", one, limits.issue);
    let new = best(&town, ON_NEW, Connections::New).await?;
    row("control plane, new connection each", new, limits.connect);
    println!();
    flood(&town).await
}

fn row(what: &str, each: Duration, limit: Duration) {
    let micros = each.as_secs_f64() * 1e6;
    let (rate, times) = (1e6 / micros, each.as_secs_f64() / limit.as_secs_f64());
    println!("| {what} | {rate:.0} | {micros:.1} | {times:.2} times |");
}

impl Town {
    async fn settle() -> io::Result<Self> {
        let manifests = Manifests::new();
        let mut pods = String::new();
        for number in 0..IDENTITIES {
            let _ = write!(pods, "{}", pod(number));
        }
        manifests.write("pods.yaml", &pods);
        let mesh = Mesh::start(manifests).await;
        let credentials: Vec<_> = (0..IDENTITIES)
            .map(|number| {
                mesh.credentials(TrustDomain::default(), NAMESPACE, &format!("pod-{number}"))
            })
            .collect();
        let mut tokens = Vec::with_capacity(IDENTITIES);
        for one in &credentials {
            let read = async || token(one).map_err(|fault| fault.to_string());
            tokens.push(eventually("there is a token", read).await);
        }
        let request = Key::generate().and_then(|key| key.request());
        let request = request.map_err(io::Error::other)?;
        Ok(Self {
            mesh,
            credentials,
            tokens,
            request,
        })
    }

    async fn connect(&self, number: usize) -> io::Result<ControlPlane> {
        let credentials = &self.credentials[number];
        let connected = ControlPlane::connect(credentials, None, None).await;
        connected.map_err(other)
    }

    async fn certify(&self, plane: &mut ControlPlane, number: usize) -> Result<(), Fault> {
        let token = Some(self.tokens[number].as_str());
        plane.certify(&self.request, token).await.map(drop)
    }

    fn cpu(&self) -> io::Result<Duration> {
        cost::cpu(self.mesh.operator().id())
    }
}

fn pod(number: usize) -> String {
    format!(
        "---
apiVersion: v1
kind: Pod
metadata: {{name: pod-{number}, namespace: {NAMESPACE}, labels: {{app: pod-{number}, security.istio.io/tlsMode: istio}}}}
spec: {{serviceAccountName: account-{number}, containers: []}}
status: {{phase: Running, podIP: 10.9.0.{ip}, podIPs: [{{ip: 10.9.0.{ip}}}], conditions: [{{type: Ready, status: \"True\"}}]}}
",
        ip = number + 1
    )
}

fn other(fault: Fault) -> io::Error {
    io::Error::other(fault.to_string())
}

/// On what clients ask.
#[derive(Clone, Copy)]
enum Connections {
    Kept,
    New,
}

/// The CPU time of the control plane for one certificate.
async fn best(town: &Arc<Town>, count: usize, connections: Connections) -> io::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..REPETITIONS {
        let mut clients = Vec::with_capacity(CLIENTS);
        for number in 0..CLIENTS {
            clients.push(town.connect(number).await?);
        }
        let before = town.cpu()?;
        let mut tasks = tokio::task::JoinSet::new();
        for (number, plane) in clients.into_iter().enumerate() {
            let town = Arc::clone(town);
            tasks.spawn(async move { ask(&town, plane, number, count, connections).await });
        }
        while let Some(done) = tasks.join_next().await {
            done.map_err(io::Error::other)??;
        }
        let each = (town.cpu()? - before) / u32::try_from(count).unwrap_or(1);
        best = best.min(each);
    }
    Ok(best)
}

/// One client's share.
async fn ask(
    town: &Town,
    mut plane: ControlPlane,
    client: usize,
    count: usize,
    connections: Connections,
) -> io::Result<()> {
    for turn in (client..count).step_by(CLIENTS) {
        let number = KEPT + turn % (IDENTITIES - KEPT);
        if matches!(connections, Connections::New) {
            plane = town.connect(number).await?;
        }
        town.certify(&mut plane, number).await.map_err(other)?;
    }
    Ok(())
}

/// What a bystander waits, without and with a flood of somebody else.
async fn flood(town: &Arc<Town>) -> io::Result<()> {
    println!("| an identity that asks 200 times a second | p50 | p99 |");
    println!("|---|---|---|");
    waits("nobody else asks", bystander(town, 1).await?);
    let (end, answers) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let flooding = {
        let (town, end, answers) = (Arc::clone(town), Arc::clone(&end), Arc::clone(&answers));
        std::thread::spawn(move || flooding(&town, &end, &answers))
    };
    // The flood has begun when it is refused.
    while answers.load(Ordering::Relaxed) < 1_000 && !flooding.is_finished() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (before, start) = (answers.load(Ordering::Relaxed), Instant::now());
    let times = bystander(town, 2).await?;
    let rate = (answers.load(Ordering::Relaxed) - before) as f64 / start.elapsed().as_secs_f64();
    end.store(true, Ordering::Relaxed);
    let flooded = flooding
        .join()
        .map_err(|_| io::Error::other("the flood broke"))?;
    flooded?;
    waits(
        &format!("another one asks {rate:.0} times a second on {CLIENTS} connections"),
        times,
    );
    Ok(())
}

fn waits(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |part: usize| {
        let index = (times.len() * part / 100).min(times.len().saturating_sub(1));
        times.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    println!("| {what} | {:.2} ms | {:.2} ms |", at(50), at(99));
}

/// How long an identity waits for each certificate.
async fn bystander(town: &Town, number: usize) -> io::Result<Vec<Duration>> {
    let mut plane = town.connect(number).await?;
    let mut times = Vec::with_capacity(BYSTANDER);
    let mut pace = tokio::time::interval(PACE);
    for _ in 0..BYSTANDER {
        pace.tick().await;
        let start = Instant::now();
        town.certify(&mut plane, number).await.map_err(other)?;
        times.push(start.elapsed());
    }
    Ok(times)
}

/// Asks as fast as answers come, in a thread of its own; most of them are refusals.
fn flooding(town: &Arc<Town>, end: &Arc<AtomicBool>, answers: &Arc<AtomicU64>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..CLIENTS {
            let (town, end, answers) = (Arc::clone(town), Arc::clone(end), Arc::clone(answers));
            tasks.spawn(async move {
                let mut plane = town.connect(0).await?;
                while !end.load(Ordering::Relaxed) {
                    let _ = town.certify(&mut plane, 0).await;
                    answers.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, io::Error>(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.map_err(io::Error::other)??;
        }
        Ok(())
    })
}
