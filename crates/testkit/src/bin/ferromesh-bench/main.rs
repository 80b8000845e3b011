//! `make bench`: what the control plane costs, next to a floor in the same run.
//!
//! Its parts are subcommands: `fleet` (fake proxies over TCP), `events` (instructions and time of
//! single events inside the control plane, to be run under callgrind), `certificates`, `admission`, `agent`,
//! and `floor`, the server that `fleet` compares with.

mod admission;
mod agent;
mod certificates;
mod cost;
mod events;
mod fleet;
mod floor;
mod limits;
mod server;
mod world;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use ferromesh_testkit::ads_client::{AdsClient, Variant};
use ferromesh_testkit::fake_envoy::node;
use fleet::Fleet;
use server::Server;
use world::{World, address};

/// Benchmarks of the control plane.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Fake proxies over TCP against the control plane and against the floor.
    Fleet {
        /// The control plane's program.
        #[arg(long)]
        operator: PathBuf,
        /// Services in the world, with 10 endpoints each.
        #[arg(long, default_value_t = 1000)]
        services: usize,
        /// Sizes of fleets.
        #[arg(long, value_delimiter = ',', default_value = "100,1000")]
        proxies: Vec<usize>,
        /// Events per measurement.
        #[arg(long, default_value_t = 30)]
        rounds: usize,
    },
    /// Single events inside the control plane.
    Events {
        /// Services in the world, with 10 endpoints each.
        #[arg(long)]
        services: usize,
        /// Which event.
        #[arg(long, value_enum)]
        event: events::Event,
        /// How often.
        #[arg(long, default_value_t = 100)]
        rounds: usize,
    },
    /// Certificates from the control plane beside this program.
    Certificates,
    /// Questions of an API server, answered in this process.
    Admission,
    /// The agent beside this program, with an Envoy.
    Agent,
    /// A server that only writes bytes that were encoded beforehand; a line on stdin is a push.
    Floor {
        /// The name of the resource that it sends.
        resource: String,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().part {
        Part::Events {
            services,
            event,
            rounds,
        } => events::run(services, event, rounds),
        part => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .and_then(|runtime| runtime.block_on(run(part))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferromesh-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(part: Part) -> io::Result<()> {
    match part {
        Part::Fleet {
            operator,
            services,
            proxies,
            rounds,
        } => {
            println!("| proxies | measure | control plane | floor |");
            println!("|---|---|---|---|");
            for size in proxies {
                compare(&operator, services, size, rounds).await?;
            }
            Ok(())
        }
        Part::Certificates => certificates::run().await,
        Part::Admission => admission::run(),
        Part::Agent => agent::run().await,
        Part::Floor { resource } => floor::run(&resource).await,
        Part::Events { .. } => Ok(()),
    }
}

/// Latencies of all proxies in all rounds, and what the server spent.
struct Push {
    all: Vec<Duration>,
    last: Vec<Duration>,
    cpu: Duration,
    pushes: usize,
}

impl Push {
    fn new() -> Self {
        Self {
            all: Vec::new(),
            last: Vec::new(),
            cpu: Duration::ZERO,
            pushes: 0,
        }
    }

    fn add(&mut self, times: Vec<Duration>, cpu: Duration) {
        self.pushes += times.len();
        self.last.extend(times.last());
        self.all.extend(times);
        self.cpu += cpu;
    }

    fn show(mut self) -> String {
        self.all.sort();
        self.last.sort();
        let at = |times: &[Duration], share: f64| {
            let index = ((times.len() as f64 - 1.0) * share).round() as usize;
            times.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
        };
        format!(
            "{:.2} / {:.2} ms, last {:.2} ms; {:.1} µs CPU",
            at(&self.all, 0.5),
            at(&self.all, 0.99),
            at(&self.last, 0.5),
            self.cpu.as_secs_f64() * 1e6 / self.pushes as f64
        )
    }
}

async fn compare(operator: &Path, services: usize, size: usize, rounds: usize) -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    let world = World::write(directory.path(), services, size)?;
    let server = Server::operator(operator, directory.path())?;
    // Whoever comes first makes the control plane compile what all share.
    let mut witness = Fleet::connect(server.address, "mesh", 1).await?;
    witness.settle().await;
    let before = settled(&server).await?;
    let (cpu, start) = (server.cpu()?, Instant::now());
    let mut fleet = Fleet::connect(server.address, "mesh", size).await?;
    fleet.settle().await;
    let elapsed = start.elapsed().as_secs_f64() - 0.5;
    let cpu = (server.cpu()? - cpu).as_secs_f64() * 1e6 / size as f64;
    let cold = format!("{elapsed:.2} s for all, {cpu:.0} µs CPU each");
    row(size, "cold connect, all have everything", &cold, "");
    drop(witness);
    let resident = settled(&server).await?;
    let per_proxy = resident.saturating_sub(before) / size as u64 / 1024;
    row(
        size,
        "resident memory",
        &format!("{} MiB, {per_proxy} KiB per proxy", resident >> 20),
        "",
    );

    let mut floor_server = Server::floor(&world.flapping_cluster())?;
    let mut floor_fleet = Fleet::connect(floor_server.address, "mesh", size).await?;
    floor_fleet.settle().await;
    let (mut ours, mut floor) = (Push::new(), Push::new());
    for turn in 1..=rounds {
        let (cpu, start) = (server.cpu()?, Instant::now());
        world.flap(turn)?;
        let times = fleet.wait(&world.flapping_cluster(), start).await?;
        ours.add(times, server.cpu()? - cpu);
        let (cpu, start) = (floor_server.cpu()?, Instant::now());
        floor_server.push()?;
        let times = floor_fleet.wait(&world.flapping_cluster(), start).await?;
        floor.add(times, floor_server.cpu()? - cpu);
    }
    row(
        size,
        "endpoint flap to ACK, p50 / p99",
        &ours.show(),
        &floor.show(),
    );
    drop((floor_fleet, floor_server));

    let (fleet, bytes) = weight_edits(&server, &world, fleet, size, rounds).await?;
    row(
        size,
        "bytes of a weight edit, per proxy",
        &bytes.to_string(),
        "",
    );
    let fleet = new_services(&server, &world, fleet, size, rounds).await?;
    reconnect(&server, &world, fleet, size).await?;
    strangers(&server, &world, size, rounds).await?;
    hostile(&server, size, 1).await?;
    hostile(&server, size, 2).await
}

/// Resident memory when it falls no more: an allocator may take its time to give memory back.
async fn settled(server: &Server) -> io::Result<u64> {
    let mut resident = server.resident()?;
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let now = server.resident()?;
        if now + (1 << 20) > resident {
            return Ok(now);
        }
        resident = now;
    }
}

fn row(size: usize, measure: &str, ours: &str, floor: &str) {
    println!("| {size} | {measure} | {ours} | {floor} |");
}

async fn weight_edits(
    server: &Server,
    world: &World,
    fleet: Fleet,
    size: usize,
    rounds: usize,
) -> io::Result<(Fleet, u64)> {
    let clients = fleet.stop().await?;
    let before: u64 = clients.iter().map(|client| client.received()).sum();
    let mut fleet = Fleet::proceed(clients);
    let mut push = Push::new();
    for turn in 1..=rounds {
        let (cpu, start) = (server.cpu()?, Instant::now());
        world.weight(turn)?;
        let times = fleet.wait(&world.edited_virtual_host(), start).await?;
        push.add(times, server.cpu()? - cpu);
    }
    row(size, "weight edit to ACK, p50 / p99", &push.show(), "");
    let clients = fleet.stop().await?;
    let after: u64 = clients.iter().map(|client| client.received()).sum();
    let bytes = (after - before) / (size * rounds) as u64;
    Ok((Fleet::proceed(clients), bytes))
}

async fn new_services(
    server: &Server,
    world: &World,
    mut fleet: Fleet,
    size: usize,
    rounds: usize,
) -> io::Result<Fleet> {
    let mut push = Push::new();
    for turn in 0..rounds {
        let (cpu, start) = (server.cpu()?, Instant::now());
        world.add(turn)?;
        let times = fleet.wait(&world.added_cluster(turn), start).await?;
        push.add(times, server.cpu()? - cpu);
    }
    row(size, "new service to ACK, p50 / p99", &push.show(), "");
    Ok(fleet)
}

async fn reconnect(
    server: &Server,
    world: &World,
    mut fleet: Fleet,
    size: usize,
) -> io::Result<()> {
    fleet.settle().await;
    let clients = fleet.stop().await?;
    let (cpu, start) = (server.cpu()?, Instant::now());
    let mut fleet = Fleet::resume(server.address, "mesh", clients).await?;
    fleet.settle().await;
    let cpu = server.cpu()? - cpu;
    let elapsed = start.elapsed().as_secs_f64() - 0.5;
    let clients = fleet.stop().await?;
    let bytes: u64 = clients.iter().map(|client| client.received()).sum();
    row(
        size,
        "reconnect with nothing changed",
        &format!(
            "{elapsed:.2} s for all, {} bytes down and {:.0} µs CPU each",
            bytes / size as u64,
            cpu.as_secs_f64() * 1e6 / size as f64
        ),
        "",
    );
    let mut fleet = Fleet::proceed(clients);
    let start = Instant::now();
    world.flap(1)?;
    fleet.wait(&world.flapping_cluster(), start).await?;
    Ok(())
}

/// Hostile clients that come before the ones that are measured. More than there are permits for
/// large messages, so that what only so many can cost at one time is not shared out among all.
const VANGUARD: usize = 32;

/// What each of many hostile clients costs beyond the first ones, and those beyond that. They say
/// all at once, which is a large message, or in so many parts.
async fn hostile(server: &Server, size: usize, parts: usize) -> io::Result<()> {
    let none = settled(server).await?;
    let mut clients = Vec::with_capacity(VANGUARD + size);
    for number in 0..VANGUARD {
        clients.push(mute(server, number, parts).await?);
    }
    let few = busy_no_more(server).await?;
    for number in VANGUARD..VANGUARD + size {
        clients.push(mute(server, number, parts).await?);
    }
    let many = busy_no_more(server).await?;
    for client in &mut clients {
        // A stream that the server has closed in the meantime would have cost nothing.
        client.send(&unknown_names([])).map_err(|error| {
            io::Error::other(format!(
                "a hostile client was not measured in time: {error}"
            ))
        })?;
    }
    let each = many.saturating_sub(few) / size as u64;
    let once = few
        .saturating_sub(none)
        .saturating_sub(each * VANGUARD as u64);
    row(
        size,
        &format!("resident memory for each further hostile client, {parts} message(s)"),
        &format!(
            "{} KiB; the first {VANGUARD}: {} KiB more",
            each >> 10,
            once >> 10
        ),
        "",
    );
    Ok(())
}

/// A client that asks for everything and for thousands of names that nobody has, and never reads.
async fn mute(server: &Server, number: usize, parts: usize) -> io::Result<AdsClient> {
    let window = 1 << 14;
    let mut client = AdsClient::connect_with_window(server.address, Variant::Delta, window).await?;
    client.send(&DeltaDiscoveryRequest {
        node: Some(node(
            "mesh",
            &format!("hostile-{number}"),
            &address("mesh", number),
        )),
        type_url: "type.googleapis.com/envoy.config.cluster.v3.Cluster".to_owned(),
        ..DeltaDiscoveryRequest::default()
    })?;
    for part in 0..parts {
        let names = (part..8_000).step_by(parts);
        let names = names.map(|name| format!("nobody-{number}-{name}"));
        client.send(&unknown_names(names))?;
    }
    Ok(client)
}

fn unknown_names(names: impl IntoIterator<Item = String>) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        type_url: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment".to_owned(),
        resource_names_subscribe: names.into_iter().collect(),
        ..DeltaDiscoveryRequest::default()
    }
}

/// Resident memory when nothing is left to do. Hostile clients say no more, so this is all that
/// the server will ever have to do for them.
async fn busy_no_more(server: &Server) -> io::Result<u64> {
    let mut cpu = server.cpu()?;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = server.cpu()?;
        if now - cpu < Duration::from_millis(5) {
            break;
        }
        cpu = now;
    }
    settled(server).await
}

/// Streams that do not hold the name that changes.
async fn strangers(server: &Server, world: &World, size: usize, rounds: usize) -> io::Result<()> {
    let mut witness = Fleet::connect(server.address, "mesh", 1).await?;
    witness.settle().await;
    let alone = flaps(server, world, &mut witness, rounds).await?;
    let mut island = Fleet::connect(server.address, "island", size).await?;
    island.settle().await;
    let among = flaps(server, world, &mut witness, rounds).await?;
    let clients = island.stop().await?;
    let before: u64 = clients.iter().map(|client| client.received()).sum();
    let mut island = Fleet::proceed(clients);
    flaps(server, world, &mut witness, rounds).await?;
    island.settle().await;
    let clients = island.stop().await?;
    let after: u64 = clients.iter().map(|client| client.received()).sum();
    row(
        size,
        "CPU of a flap that one proxy holds: alone, and among as many that don't",
        &format!(
            "{:.0} µs, {:.0} µs; {} bytes to those",
            alone.as_secs_f64() * 1e6,
            among.as_secs_f64() * 1e6,
            after - before
        ),
        "",
    );
    Ok(())
}

async fn flaps(
    server: &Server,
    world: &World,
    fleet: &mut Fleet,
    rounds: usize,
) -> io::Result<Duration> {
    let cpu = server.cpu()?;
    for turn in 1..=rounds {
        let start = Instant::now();
        world.flap(50 + turn)?;
        fleet.wait(&world.flapping_cluster(), start).await?;
        world.flap(turn)?;
        fleet.wait(&world.flapping_cluster(), start).await?;
    }
    Ok((server.cpu()? - cpu) / (2 * rounds as u32))
}
