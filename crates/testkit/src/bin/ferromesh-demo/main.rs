//! `make demo`: the shop of `samples/shop` on this machine, with the real control plane, a real Envoy beside each
//! instance, and live traffic that shows what each manifest does.
//!
//! The demo works on a copy of the samples whose addresses are its own, so that two demos run side by side and the tour's
//! edits stay out of the repository; edits of the samples are carried over to the copy.
//!
//! Reading order: `shop` (what runs), `copy`, `tour` (the promises, one function each), `live` (after the tour).

mod copy;
mod live;
mod screen;
mod shop;
mod tour;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use ferromesh_chassis::Shutdown;
use rustix::process::{WaitOptions, getpid, set_child_subreaper};

use screen::Screen;
use shop::Shop;

/// Runs the shop of samples/shop on loopback addresses: control plane, Envoys, applications; shows
/// with live traffic what its manifests do, and goes on until Ctrl-C.
#[derive(Parser)]
#[command(name = "ferromesh-demo")]
struct Arguments {
    /// End after the tour, with status 0 only if every promise was observed.
    #[arg(long)]
    once: bool,

    /// The manifests. Their pods have addresses 127.10.0.N, which become addresses of this demo alone.
    #[arg(long, value_name = "PATH")]
    samples: Option<PathBuf>,
}

/// What a shell expects of a program that was interrupted.
const INTERRUPTED: u8 = 130;

/// What happened in the end.
enum End {
    /// The tour is over, and that was all.
    Toured { kept: bool },
    /// Somebody asked for the end.
    Asked,
}

// One thread: children are on a leash that the thread holds which started them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let start = Instant::now();
    let arguments: Arguments = ferromesh_chassis::arguments::read();
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload_as_str().unwrap_or("something went wrong");
        eprintln!("\ndemo: {text}");
    }));
    let once = arguments.once;
    let shutdown = match Shutdown::on_signals() {
        Ok(shutdown) => shutdown,
        Err(failure) => {
            failure.print();
            return ExitCode::FAILURE;
        }
    };
    adopt();
    let end = tokio::select! {
        () = shutdown.begun() => End::Asked,
        end = run(arguments, start) => end,
    };
    bury().await;
    match end {
        End::Toured { kept: true } => ExitCode::SUCCESS,
        End::Toured { kept: false } => ExitCode::FAILURE,
        End::Asked => {
            println!("\ndemo: everything is stopped");
            // Without --once this is how it ends.
            ExitCode::from(if once { INTERRUPTED } else { 0 })
        }
    }
}

/// Makes orphans ours: when an agent is killed, its Envoy, killed with it, would otherwise wait for
/// a first process that may not care.
fn adopt() {
    if let Err(error) = set_child_subreaper(Some(getpid())) {
        eprintln!("demo: killed processes may stay listed: {error}");
    }
}

/// Waits until everything that was killed is gone.
async fn bury() {
    let end = tokio::time::Instant::now() + Duration::from_secs(5);
    // An error says that there is no child any more.
    while let Ok(gone) = rustix::process::wait(WaitOptions::NOHANG) {
        if gone.is_some() {
            continue;
        }
        if tokio::time::Instant::now() > end {
            eprintln!("demo: some processes do not end");
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn run(arguments: Arguments, start: Instant) -> End {
    let Arguments { once, samples } = arguments;
    let samples = samples.unwrap_or_else(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors().nth(2).unwrap_or(here).join("samples/shop")
    });
    let mut screen = Screen::new(start);
    screen.say("starting the control plane, and an Envoy beside each instance …");
    let mut shop = Shop::start(&samples).await;
    shop.introduce(&mut screen);
    let kept = tour::run(&mut shop, &mut screen).await;
    if once {
        return End::Toured { kept };
    }
    live::run(&mut shop, &mut screen).await;
    End::Asked
}
