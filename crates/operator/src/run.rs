//! Starting and ending.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ferromesh_chassis::failure::WRONG_USAGE;
use ferromesh_chassis::{Failure, Shutdown, announce, log, version};
use ferromesh_kube_source::report::Places;
use ferromesh_xds_server::Plane;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::arguments::{Arguments, RotateRoot};
use crate::cluster::status::Reports;
use crate::debug::{self, Pages};
use crate::doors::{Doors, Questions};
use crate::findings::Findings;
use crate::follow::Follower;
use crate::identity;
use crate::identity::known::Known;
use crate::jwks::address::Rules;
use crate::jwks::fetch::Fetcher;
use crate::jwks::{self, Jwks, Pace};
use crate::metrics::Metrics;
use crate::opening::{self, Addresses, Ports};
use crate::reporter::Reporter;
use crate::subjects::Subjects;

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
        own_namespace,
        replica,
        default_namespace,
        state,
        xds_address,
        certificate_lifetime,
        plaintext_xds_address,
        debug_address,
        webhook_address,
        injection,
        health_address,
        jwks_blocked_cidrs,
        jwks_refresh,
        jwks_root_certs,
        log: _,
    } = arguments;
    let source = source
        .ok_or_else(|| Failure::with_status("--source is missing (see --help)", WRONG_USAGE))?;
    let shutdown = Shutdown::on_signals()?;
    let rules = Rules::new(jwks_blocked_cidrs);
    let fetcher = Fetcher::new(rules, opening::jwks_roots(jwks_root_certs.as_deref())?);
    let (store, stored) = opening::jwks_store(state.as_deref())?;
    let (watch, home) = opening::source(source, own_namespace, replica, &default_namespace).await?;
    let ports = Ports::open(Addresses {
        xds: state.as_ref().map(|_| xds_address),
        plaintext: plaintext_xds_address,
        webhook: webhook_address.zip(injection),
        debug: debug_address,
        health: health_address,
    });
    let Ports {
        xds,
        plaintext,
        webhook,
        debug: pages,
        health,
        announced,
    } = ports.await?;
    let metrics = Arc::new(Metrics::new());
    let converged = Arc::clone(&metrics);
    let (plane, handle) = Plane::new(Box::new(move |time| {
        converged.convergence.observe(time.as_secs_f64())
    }));
    let findings = Findings::default();
    let subjects = Subjects::default();
    let reports = Reports {
        findings: findings.clone(),
        subjects: subjects.clone(),
        hub: Arc::clone(handle.hub()),
    };
    let doors = Doors {
        secured: xds.zip(state).map(|(listener, state)| {
            let settings = identity::Settings {
                home,
                state,
                lifetimes: opening::lifetimes(certificate_lifetime),
                reports: reports.clone(),
            };
            (listener, settings)
        }),
        plaintext,
        admission: webhook.map(|(listener, settings)| Questions {
            listener,
            settings,
            reached: metrics.admission.clone(),
            reports,
        }),
        authority: metrics.authority.clone(),
    };
    doors.await_questions();

    let places = Arc::new(Mutex::new(Places::new()));
    let registry = metrics.registry(Arc::clone(handle.hub()), findings.clone(), version::NUMBER);
    let app = debug::App {
        hub: Arc::clone(handle.hub()),
        findings: findings.clone(),
        registry,
        admission: metrics.admission.clone(),
        shutdown: shutdown.clone(),
    };
    let known = Arc::new(Known::default());
    let told = (Arc::clone(&places), subjects.clone());
    let reporter = Reporter::new(findings, handle.clone(), told);
    let news = reporter.news();
    let first = (Arc::clone(&known), jwks::changes(&stored));
    let follower = Follower::new(
        handle.clone(),
        (places, subjects),
        Arc::clone(&metrics),
        news.clone(),
        first,
    );
    let fetching = Jwks::new(
        fetcher,
        (store, stored),
        Pace::every(Duration::from_secs(jwks_refresh.into())),
        handle.clone(),
        (metrics, news),
    );

    let plane = tokio::spawn(plane.run());
    let following = tokio::spawn(follower.run(watch, Instant::now()));
    let reporting = tokio::spawn(reporter.run());
    tokio::spawn(fetching.run(known.follow_keys()));
    let pages = serve_pages(pages, health, app, &shutdown);
    announce::print("ferromesh-operator", &announced)?;

    let mut streams = tokio::spawn(doors.serve(handle, known, shutdown.clone()));
    // The source, the compiler and the reporter never end by themselves: if one does, it has died,
    // and whoever supervises this program has to start it again.
    let outcome = tokio::select! {
        () = shutdown.begun() => Ok(()),
        _ = plane => Err(Failure::new("the compile loop has died")),
        _ = following => Err(Failure::new("the reader of the source has died")),
        _ = reporting => Err(Failure::new("the reporter has died")),
        ended = &mut streams => match ended {
            Ok(ended) => ended,
            Err(_) => Err(Failure::new("the server has died")),
        },
    };
    if outcome.is_ok() {
        // Streams end within their own deadline, and may have done so already.
        if !streams.is_finished() {
            let _ = streams.await;
        }
        let _ = tokio::time::timeout(LAST_ANSWERS, pages).await;
        tracing::info!("ended");
    }
    outcome
}

/// Serves all pages on this machine, and a few to the outside, until the shutdown begins.
fn serve_pages(
    all: TcpListener,
    few: Option<TcpListener>,
    app: debug::App,
    shutdown: &Shutdown,
) -> JoinHandle<()> {
    let app = Arc::new(app);
    let serve = |listener, pages| {
        let end = shutdown.clone();
        let served = debug::serve(listener, pages, Arc::clone(&app), async move {
            end.begun().await;
        });
        tokio::spawn(served)
    };
    if let Some(listener) = few {
        serve(listener, Pages::Health);
    }
    serve(all, Pages::All)
}

/// Begins a rotation of the root.
///
/// # Errors
/// When there is no root of our own in the state directory.
pub fn rotate(arguments: &RotateRoot) -> Result<(), Failure> {
    let RotateRoot {
        state,
        trust_domain,
    } = arguments;
    let stage = identity::rotate(state, trust_domain)?;
    println!("{stage}");
    Ok(())
}
