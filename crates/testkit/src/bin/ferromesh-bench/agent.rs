//! The agent beside an Envoy: its memory, and how long it takes to the first certificate.

use std::io;
use std::time::{Duration, Instant};

use ferromesh_testkit::addresses::Addresses;
use ferromesh_testkit::manifests::Manifests;
use ferromesh_testkit::mesh::{Mesh, Settings, Workload, manifest};

use crate::cost;

/// Starts; the median counts.
const STARTS: usize = 11;
/// How long an agent that is ready is left alone before its memory is read.
const CALM: Duration = Duration::from_secs(5);

/// Measures, and prints rows.
pub async fn run() -> io::Result<()> {
    let mut addresses = Addresses::take();
    let settings = Settings::new("frontend", "shop", &mut addresses).account("frontend");
    let manifests = Manifests::new();
    manifests.write(
        "pods.yaml",
        &manifest::pod(&settings, &[("app", "frontend")]),
    );
    let mesh = Mesh::start(manifests).await;
    mesh.certificate("shop", "frontend").await;
    println!("| agent | measured |");
    println!("|---|---|");
    let (mut waited, mut spent) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let start = Instant::now();
        let agent = Workload::agent_with(&settings, &mesh.secured(), &[]);
        let certified = |line: &str| line.contains("a certificate was issued");
        agent
            .stderr_line("that it has a certificate", certified)
            .await;
        waited.push(start.elapsed());
        spent.push(cost::cpu(agent.id())?);
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times
            .get(times.len() / 2)
            .copied()
            .unwrap_or_default()
            .as_secs_f64()
            * 1e3
    };
    println!(
        "| from its start to its first certificate | {:.1} ms, {:.1} ms CPU |",
        median(waited),
        median(spent)
    );
    let workload = mesh.workload(settings).await;
    tokio::time::sleep(CALM).await;
    let cost::Memory {
        proportional,
        resident,
        anonymous,
    } = cost::memory(workload.agent().id())?;
    let mib = |kib: u64| kib as f64 / 1024.0;
    println!(
        "| memory with identity and SDS beside an Envoy | {:.2} MiB PSS, {:.2} MiB resident, of which {:.2} MiB anonymous |",
        mib(proportional),
        mib(resident),
        mib(anonymous)
    );
    Ok(())
}
