//! Starting and ending.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ferromesh_ca::Lifetimes;
use ferromesh_chassis::failure::WRONG_USAGE;
use ferromesh_chassis::{Failure, Shutdown, announce, listen, log, version};
use ferromesh_identity::Certificate;
use ferromesh_kube_source::report::Places;
use ferromesh_kube_source::yaml;
use ferromesh_kube_source::{cluster, directory};
use ferromesh_xds_server::Plane;
use rustls::pki_types::CertificateDer;

use crate::arguments::{Arguments, RotateRoot, Source};
use crate::cluster::Cluster;
use crate::cluster::status::Reports;
use crate::debug::{self, Pages};
use crate::doors::{Doors, Questions};
use crate::findings::Findings;
use crate::follow::Follower;
use crate::identity::known::Known;
use crate::identity::{self, Home};
use crate::jwks::address::Rules;
use crate::jwks::fetch::Fetcher;
use crate::jwks::store::Store;
use crate::jwks::{self, Held, Jwks, Pace};
use crate::metrics::Metrics;
use crate::reporter::Reporter;
use crate::subjects::Subjects;

/// How long the debug address may take to finish its answers at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// The ConfigMap whose key `mesh` is the mesh configuration.
const MESH_CONFIG_MAP: &str = "ferromesh";

/// The folder of fetched keys in the state directory.
const JWKS: &str = "jwks";

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
    let fetcher = Fetcher::new(rules, jwks_roots(jwks_root_certs.as_deref())?);
    let (store, stored) = jwks_store(state.as_deref())?;
    let (watch, home) = open(source, own_namespace, replica, &default_namespace).await?;
    let mut announced = Vec::new();
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
    let mut doors = Doors {
        secured: None,
        plaintext: None,
        admission: None,
        authority: metrics.authority.clone(),
    };
    if let Some(state) = state {
        let (listener, address) = listen::on("--xds-address", xds_address).await?;
        announced.push(("xds", address));
        let lifetimes = lifetimes(certificate_lifetime);
        doors.secured = Some((
            listener,
            identity::Settings {
                home,
                state,
                lifetimes,
                reports: reports.clone(),
            },
        ));
    }
    if let Some(address) = plaintext_xds_address {
        let (listener, address) = listen::on("--plaintext-xds-address", address).await?;
        announced.push(("plaintext-xds", address));
        doors.plaintext = Some(listener);
    }
    if let Some((address, injection)) = webhook_address.zip(injection) {
        let settings = injection_settings(&injection)?;
        let (listener, address) = listen::on("--webhook-address", address).await?;
        announced.push(("webhook", address));
        doors.admission = Some(Questions {
            listener,
            settings: Arc::new(settings),
            reached: metrics.admission.clone(),
            reports,
        });
        doors.await_questions();
    }
    let (pages, debug_address) = listen::on("--debug-address", debug_address).await?;
    announced.push(("debug", debug_address));
    let health = match health_address {
        Some(address) => Some(listen::on("--health-address", address).await?),
        None => None,
    };
    announced.extend(health.as_ref().map(|(_, address)| ("health", *address)));

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
    let end = shutdown.clone();
    let app = Arc::new(app);
    if let Some((listener, _)) = health {
        let end = shutdown.clone();
        let few = debug::serve(listener, Pages::Health, Arc::clone(&app), async move {
            end.begun().await;
        });
        tokio::spawn(few);
    }
    let all = debug::serve(pages, Pages::All, app, async move { end.begun().await });
    let pages = tokio::spawn(all);
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

/// Opens the source, and says where the authority is kept that goes with it.
async fn open(
    source: Source,
    own_namespace: String,
    replica: String,
    default_namespace: &str,
) -> Result<(ferromesh_kube_source::Source, Home), Failure> {
    match source {
        Source::Directory(path) => {
            let watch = directory::Watch::open(&path, default_namespace).map_err(refused)?;
            let source = ferromesh_kube_source::Source::Directory(watch);
            Ok((source, Home::Directory))
        }
        Source::Kubernetes => {
            let unusable =
                |error| Failure::with_status(format!("--source kubernetes: {error}"), WRONG_USAGE);
            let client = cluster::connect().await.map_err(unusable)?;
            let settings = cluster::Settings {
                client: client.clone(),
                root_namespace: own_namespace.clone(),
                mesh_config_map: MESH_CONFIG_MAP.to_owned(),
                pace: cluster::Pace::default(),
            };
            let watch = cluster::Watch::open(settings).map_err(unusable)?;
            let home = Home::Cluster(Cluster {
                client,
                namespace: own_namespace,
                replica,
            });
            Ok((ferromesh_kube_source::Source::Cluster(watch), home))
        }
    }
}

/// How sidecars are injected.
fn injection_settings(file: &Path) -> Result<ferromesh_injector::Settings, Failure> {
    let fault = |why: &dyn std::fmt::Display| {
        let text = format!("--injection {}: {why}", file.display());
        Failure::with_status(text, WRONG_USAGE)
    };
    let text = std::fs::read_to_string(file).map_err(|error| fault(&error))?;
    let yaml::Documents { documents, faults } = yaml::read(&text);
    if let Some(error) = faults.first() {
        return Err(fault(error));
    }
    let first = documents.into_iter().next();
    let value = first.map_or(serde_json::Value::Null, |document| document.content);
    ferromesh_injector::Settings::read(&value).map_err(|refusal| fault(&refusal))
}

/// Certificates that are trusted when keys are fetched.
fn jwks_roots(file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    let fault = |why: &dyn std::fmt::Display| {
        let text = format!("--jwks-root-certs {}: {why}", file.display());
        Failure::with_status(text, WRONG_USAGE)
    };
    let pem = std::fs::read(file).map_err(|error| fault(&error))?;
    let roots = Certificate::all_from_pem(&pem).map_err(|error| fault(&error))?;
    let der = |root: &Certificate| CertificateDer::from(root.der().to_vec());
    Ok(roots.iter().map(der).collect())
}

/// Where keys are kept, and those that are there.
fn jwks_store(state: Option<&Path>) -> Result<(Store, Held), Failure> {
    let directory = state.map(|state| state.join(JWKS));
    Store::open(directory.as_deref()).map_err(|error| Failure::new(format!("--state: {error}")))
}

/// The lifetimes of certificates, the longest of which is given in seconds.
fn lifetimes(longest: u32) -> Lifetimes {
    let longest = Duration::from_secs(longest.into());
    let usual = Lifetimes::default();
    Lifetimes {
        default: longest,
        min: usual.min.min(longest),
        max: longest,
        skew: usual.skew,
    }
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

fn refused(error: directory::OpenError) -> Failure {
    let text = format!("--source: {error}");
    match error {
        directory::OpenError::Directory(..) => Failure::with_status(text, WRONG_USAGE),
        directory::OpenError::Watcher(_) => Failure::new(text),
    }
}
