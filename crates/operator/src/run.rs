//! Starting and ending.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ferromesh_chassis::failure::WRONG_USAGE;
use ferromesh_chassis::{Failure, Shutdown, announce, listen, log, version};
use ferromesh_kube_source::directory::{OpenError, Watch};
use ferromesh_kube_source::report::Places;
use ferromesh_xds_server::{Limits, Plane, Transport, serve};

use crate::arguments::Arguments;
use crate::debug;
use crate::findings::Findings;
use crate::follow::Follower;
use crate::metrics::Metrics;
use crate::reporter::Reporter;

/// How long the debug address may take to finish its answers at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Runs the control plane until it is asked to end.
///
/// # Errors
/// When it cannot start: an address is taken, the directory is missing. Nothing that is written
/// in a manifest is a reason.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    log::start(&arguments.log)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start threads: {error}")))?
        .block_on(start(arguments))
}

async fn start(arguments: Arguments) -> Result<(), Failure> {
    let Arguments {
        source,
        default_namespace,
        plaintext_xds_address,
        debug_address,
        log: _,
    } = arguments;
    let shutdown = Shutdown::on_signals()?;
    let (xds, xds_address) = listen::on("--plaintext-xds-address", plaintext_xds_address).await?;
    let (pages, debug_address) = listen::on("--debug-address", debug_address).await?;
    let watch = Watch::open(&source, &default_namespace).map_err(refused)?;

    let metrics = Arc::new(Metrics::new());
    let converged = Arc::clone(&metrics);
    let (plane, handle) = Plane::new(Box::new(move |time| {
        converged.convergence.observe(time.as_secs_f64())
    }));
    let findings = Findings::default();
    let places = Arc::new(Mutex::new(Places::new()));
    let registry = metrics.registry(Arc::clone(handle.hub()), findings.clone(), version::NUMBER);
    let app = debug::App {
        hub: Arc::clone(handle.hub()),
        findings: findings.clone(),
        registry,
        shutdown: shutdown.clone(),
    };
    let reporter = Reporter::new(findings, handle.clone(), Arc::clone(&places));
    let follower = Follower::new(handle.clone(), places, metrics, reporter.news());

    let plane = tokio::spawn(plane.run());
    let following = tokio::spawn(follower.run(watch, Instant::now()));
    let reporting = tokio::spawn(reporter.run());
    let end = shutdown.clone();
    let pages = tokio::spawn(debug::serve(pages, app, async move { end.begun().await }));
    announce::print(
        "ferromesh-operator",
        &[("plaintext-xds", xds_address), ("debug", debug_address)],
    )?;

    let end = shutdown.clone();
    let streams = tokio::spawn(serve(
        xds,
        Transport::Loopback,
        handle,
        Limits::default(),
        async move { end.begun().await },
    ));
    // The source, the compiler and the reporter never end by themselves: if one does, it has died,
    // and whoever supervises this program has to start it again.
    let outcome = tokio::select! {
        () = shutdown.begun() => Ok(()),
        _ = plane => Err(Failure::new("the compile loop has died")),
        _ = following => Err(Failure::new("the reader of the source has died")),
        _ = reporting => Err(Failure::new("the reporter has died")),
    };
    if outcome.is_ok() {
        // Streams end within their own deadline.
        let _ = streams.await;
        let _ = tokio::time::timeout(LAST_ANSWERS, pages).await;
        tracing::info!("ended");
    }
    outcome
}

fn refused(error: OpenError) -> Failure {
    let text = format!("--source: {error}");
    match error {
        OpenError::Directory(..) => Failure::with_status(text, WRONG_USAGE),
        OpenError::Watcher(_) => Failure::new(text),
    }
}
