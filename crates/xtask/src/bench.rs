//! `cargo xtask bench`: builds the release profile, measures single events (instructions by
//! callgrind, and time), fleets of fake proxies next to a floor, certificates, admission and the agent, and
//! prints the tables of `docs/performance.md`.

use std::error::Error;
use std::path::Path;
use std::process::Command;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Sizes of worlds, in services of 10 endpoints each.
const SERVICES: [usize; 3] = [100, 1_000, 10_000];
/// Single events.
const EVENTS: [&str; 3] = ["endpoint", "weight", "service"];
/// Events that callgrind counts; the count is divided by them.
const ROUNDS: u64 = 20;
/// The function whose instructions are counted.
const MEASURED: &str = "*events*measured_once*";

/// Runs all of it; takes some minutes.
pub fn run(root: &Path) -> Result<()> {
    release(root)?;
    let target = root.join("target/release");
    let bench = target.join("ferromesh-bench");
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Err("valgrind is missing; install it (on Debian: apt-get install valgrind)".into());
    }
    println!("| event | services | instructions | time | bytes on the stream |");
    println!("|---|---|---|---|---|");
    for event in EVENTS {
        for services in SERVICES {
            let instructions = instructions(&bench, event, services)?;
            let (micros, bytes) = time(&bench, event, services, 200)?;
            println!("| {event} | {services} | {instructions} | {micros} µs | {bytes} |");
        }
    }
    for services in SERVICES {
        let (micros, _) = time(&bench, "clean", services, 3)?;
        let millis = micros.parse::<f64>()? / 1e3;
        println!("| clean build | {services} | | {millis:.1} ms | |");
    }
    println!();
    let status = Command::new(&bench)
        .args(["fleet", "--operator"])
        .arg(target.join("ferromesh-operator"))
        .status()?;
    if !status.success() {
        return Err("the fleet could not be measured".into());
    }
    for part in ["certificates", "admission", "agent"] {
        println!();
        if !Command::new(&bench).arg(part).status()?.success() {
            return Err(format!("{part} could not be measured").into());
        }
    }
    Ok(())
}

fn release(root: &Path) -> Result<()> {
    let others = [
        "--package",
        "ferromesh-operator",
        "--package",
        "ferromesh-testkit",
        "--features",
        "ferromesh-operator/jemalloc",
    ];
    build(root, "release", &others)?;
    build(root, "small", &["--package", "ferromesh-agent"])?;
    // Programs are looked for beside the one that asks.
    let agent = |profile: &str| root.join("target").join(profile).join("ferromesh-agent");
    std::fs::copy(agent("small"), agent("release"))?;
    Ok(())
}

fn build(root: &Path, profile: &str, what: &[&str]) -> Result<()> {
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root)
        .args(["build", "--locked", "--bins", "--profile", profile])
        .args(what)
        .status()?;
    if !status.success() {
        return Err(format!("the profile {profile} does not build").into());
    }
    Ok(())
}

fn events(event: &str, services: usize, rounds: u64) -> Vec<String> {
    let words = ["events", "--event", event, "--services"];
    let mut words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
    words.extend([
        services.to_string(),
        "--rounds".to_owned(),
        rounds.to_string(),
    ]);
    words
}

fn time(bench: &Path, event: &str, services: usize, rounds: u64) -> Result<(String, String)> {
    let output = Command::new(bench)
        .args(events(event, services, rounds))
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let words: Vec<_> = text.split_whitespace().collect();
    match (output.status.success(), &words[..]) {
        (true, [_, _, micros, bytes]) => Ok(((*micros).to_owned(), (*bytes).to_owned())),
        _ => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}

/// Instructions of one event, by callgrind.
fn instructions(bench: &Path, event: &str, services: usize) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--collect-atstart=no")
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg(bench)
        .args(events(event, services, ROUNDS))
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .and_then(|(_, count)| count.trim().parse::<u64>().ok());
    match (output.status.success(), collected) {
        (true, Some(count)) if count > 0 => Ok(count / ROUNDS),
        _ => Err(format!("callgrind counted nothing: {text}").into()),
    }
}
