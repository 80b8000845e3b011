//! Who is who: the certificate authority beside xDS, over TLS.
//!
//! In a cluster pods prove who they are by their projected tokens, and the authority is a Secret that is copied into the
//! state directory. Without one workloads have the tokens that are written for them there (`tokens/NAMESPACE.NAME`).
//! Machines later use their certificates. The trust domain and the namespace of the control plane are those of the mesh
//! configuration when the program starts.
//!
//! Reading order: [`known`], [`pinned`], [`bundles`], [`calls`], then this file.

pub mod bundles;
mod calls;
pub mod known;
pub mod pinned;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ferromesh_ca as ca;
use ferromesh_chassis::{Failure, Shutdown};
use ferromesh_identity::{Bundle, SpiffeId, TrustDomain};
use ferromesh_mesh::decl::mesh_config::MeshConfig;
use ferromesh_proto::trust::FetchResponse;
use ferromesh_xds_server::{Credentials, Tls, TlsFault, Transport, client_config, server_config};
use rustls::{ClientConfig, ServerConfig};
use tokio::sync::watch;

use bundles::Bundles;
use ca::{Clock, SystemClock};
use calls::Calls;
use known::Known;

use crate::cluster::Cluster;
use crate::cluster::authority::{self, Authority};
use crate::cluster::keys::{ApiServerKeys, issuer};
use crate::cluster::reviewer::TokenReviews;
use crate::cluster::root_certificates::RootCertificates;
use crate::cluster::status::{Mutual, Reports};

/// How often files of the authority are read again, and a rotation goes on.
const PERIOD: Duration = Duration::from_secs(1);

/// The file names of an authority that somebody else made are Istio's; this is their folder in the state directory.
const PLUGGED_IN: &str = "cacerts";

/// The folder of the tokens in the state directory.
const TOKENS: &str = "tokens";

/// For whom the tokens of pods have to be, as in Istio.
const AUDIENCE: &str = "istio-ca";

/// Where workloads come from and the authority is kept.
#[derive(Clone)]
pub enum Home {
    /// A directory; the authority is in the state directory.
    Directory,
    /// A cluster; the state directory has but a copy.
    Cluster(Cluster),
}

/// What is shown and who signs.
#[derive(Clone)]
pub struct Settings {
    /// Where workloads come from.
    pub home: Home,
    /// The state directory.
    pub state: PathBuf,
    /// How long certificates live.
    pub lifetimes: ca::Lifetimes,
    /// What other replicas may ask for.
    pub reports: Reports,
}

/// The authority of a mesh, as long as this lives.
pub struct Identity {
    /// What has been issued and refused, and until when anything can be signed.
    pub service: Arc<ca::Service>,
    /// Who is trusted, our own trust domain first.
    pub bundles: watch::Receiver<Arc<FetchResponse>>,
    /// How replicas know each other.
    pub mutual: Mutual,
    config: watch::Receiver<Arc<ServerConfig>>,
    calls: Arc<Calls>,
}

impl Identity {
    /// Makes the authority when the source has been read, and keeps it going. Calls that wait end when the shutdown begins.
    ///
    /// # Errors
    /// When there is nothing to sign with: the state directory can't be used, or what is plugged in doesn't fit.
    pub async fn start(
        settings: Settings,
        known: Arc<Known>,
        shutdown: Shutdown,
    ) -> Result<Self, Failure> {
        let mesh = known.mesh().await;
        let Settings {
            home,
            state,
            lifetimes,
            reports,
        } = settings;
        let own = mesh.security.trust_domain.clone();
        let (roots, attestor) = match &home {
            Home::Directory => in_directory(&state, &own, &lifetimes, &known).await?,
            Home::Cluster(cluster) => in_cluster(cluster, &state, &own, &lifetimes, &known).await?,
        };
        let roots = Arc::new(roots);
        let service = Arc::new(service(&mesh, lifetimes, &roots, attestor, &known)?);
        let credentials = ca::Own::issue(Arc::clone(&service))
            .await
            .map_err(|refusal| {
                Failure::new(format!("the control plane's own certificate: {refusal}"))
            })?;
        let (config, client) = configure(&credentials, &roots_of(&service, &known, &own), &own)
            .map_err(|fault| Failure::new(fault.to_string()))?;
        let (config, client) = (watch::Sender::new(config), watch::Sender::new(client));
        let control_plane = control_plane(&mesh)?;
        let bundles = Arc::new(Bundles::new(
            own.clone(),
            service.trust(),
            known.follow_mesh(),
        ));
        let identity = Self {
            config: config.subscribe(),
            calls: Arc::new(Calls::new(
                Arc::clone(&service),
                bundles.watch(),
                (control_plane.clone(), reports),
                shutdown,
            )),
            mutual: Mutual {
                identity: control_plane,
                tls: client.subscribe(),
            },
            bundles: bundles.watch(),
            service: Arc::clone(&service),
        };
        if let Home::Cluster(cluster) = home {
            let namespaces = known.follow_namespaces();
            let certificates = RootCertificates::new(cluster, namespaces, bundles.watch());
            tokio::spawn(certificates.keep());
        }
        tokio::spawn(async move { roots.keep(&SystemClock, PERIOD).await });
        tokio::spawn(async move { bundles.keep().await });
        let credentials = Arc::new(credentials);
        let keeping = Arc::clone(&credentials);
        tokio::spawn(async move { keeping.keep().await });
        tokio::spawn(follow_credentials(
            credentials,
            (service, known),
            own,
            (config, client),
        ));
        Ok(identity)
    }

    /// What servers of the control plane show, and whom they believe.
    pub fn tls(&self) -> watch::Receiver<Arc<ServerConfig>> {
        self.config.clone()
    }

    /// How connections come to it.
    pub fn transport(&self) -> Transport {
        Transport::Tls(Tls {
            config: self.config.clone(),
            calls: self.calls.clone(),
        })
    }
}

/// Starts a rotation of the root in a state directory. The operator that runs on it goes on with it.
///
/// # Errors
/// When there is no root of our own.
pub fn rotate(state: &Path, trust_domain: &TrustDomain) -> Result<String, Failure> {
    let stage = ca::begin_rotation(state, trust_domain, SystemClock.now())
        .map_err(|fault| Failure::new(format!("--state: {fault}")))?;
    Ok(match stage {
        ca::Stage::Stable => "no rotation was begun".to_owned(),
        ca::Stage::Introduced => {
            "the new root is published beside the old one, which goes on signing".to_owned()
        }
        ca::Stage::Switched => {
            "the new root signs; the old one goes when its last certificate has expired".to_owned()
        }
    })
}

/// The authority of a state directory, and those who have tokens there.
async fn in_directory(
    state: &Path,
    trust_domain: &TrustDomain,
    lifetimes: &ca::Lifetimes,
    known: &Arc<Known>,
) -> Result<(ca::Roots, Box<dyn ca::Attestor>), Failure> {
    let now = SystemClock.now();
    let plugged_in = state.join(PLUGGED_IN);
    let roots = if plugged_in.is_dir() {
        ca::Roots::plugged_in(&plugged_in, state, trust_domain, now)
    } else {
        ca::Roots::own(state, trust_domain, ca::Rotation::of(lifetimes), now)
    };
    let roots = roots.map_err(|fault| Failure::new(format!("--state: {fault}")))?;
    let tokens = ca::Tokens::open(&state.join(TOKENS))
        .map_err(|error| Failure::new(format!("--state: {error}")))?;
    let tokens = Arc::new(tokens);
    reconcile(&tokens, known).await;
    tokio::spawn(follow_workloads(Arc::clone(&tokens), Arc::clone(known)));
    let attestor = ca::DirectoryTokens {
        tokens,
        workloads: known.clone(),
        trust_domain: trust_domain.clone(),
    };
    Ok((roots, Box::new(attestor)))
}

/// The authority of a cluster, and the pods in it.
async fn in_cluster(
    cluster: &Cluster,
    state: &Path,
    trust_domain: &TrustDomain,
    lifetimes: &ca::Lifetimes,
    known: &Arc<Known>,
) -> Result<(ca::Roots, Box<dyn ca::Attestor>), Failure> {
    let shared = Authority::open(cluster, state, trust_domain).await;
    let now = SystemClock.now();
    let (secret, roots) = match shared.kind {
        authority::Kind::Own => (
            authority::OWN,
            ca::Roots::deposited(state, trust_domain, now),
        ),
        authority::Kind::PluggedIn => {
            let directory = state.join(authority::PLUGGED_IN);
            let roots = ca::Roots::plugged_in(&directory, state, trust_domain, now);
            (authority::PLUGGED_IN, roots)
        }
    };
    let roots = roots.map_err(|fault| Failure::new(format!("secret {secret}: {fault}")))?;
    tokio::spawn(shared.keep(ca::Rotation::of(lifetimes)));
    let client = &cluster.client;
    let attestor = ca::ProjectedTokens {
        keys: ca::jwt::Keys::new(Arc::new(ApiServerKeys(client.clone()))),
        workloads: known.clone(),
        issuer: issuer(client).await,
        audience: AUDIENCE.to_owned(),
        trust_domain: trust_domain.clone(),
        reviewer: Arc::new(TokenReviews::new(client.clone())),
    };
    Ok((roots, Box::new(attestor)))
}

fn service(
    mesh: &MeshConfig,
    lifetimes: ca::Lifetimes,
    roots: &ca::Roots,
    attestor: Box<dyn ca::Attestor>,
    known: &Arc<Known>,
) -> Result<ca::Service, Failure> {
    let trust_domain = mesh.security.trust_domain.clone();
    let root_namespace = mesh.root_namespace.as_str();
    let control_plane = control_plane(mesh)?;
    Ok(ca::Service::new(ca::service::Settings {
        attestors: vec![
            attestor,
            Box::new(ca::OwnCertificates {
                workloads: known.clone(),
                trust: roots.watch(),
                trust_domain,
                max_age: lifetimes.max,
            }),
        ],
        trust: roots.watch(),
        authority: ca::Authority {
            lifetimes,
            control_plane,
            // Those by which agents and Envoys of Istio's kind know it.
            control_plane_names: ["istiod", "ferromesh", "ferromesh-probe"]
                .map(|name| format!("{name}.{root_namespace}.svc"))
                .to_vec(),
        },
        rate: ca::service::Rate::default(),
        clock: Arc::new(SystemClock),
    }))
}

/// Who all replicas are.
fn control_plane(mesh: &MeshConfig) -> Result<SpiffeId, Failure> {
    let trust_domain = mesh.security.trust_domain.clone();
    SpiffeId::of_control_plane(trust_domain, mesh.root_namespace.as_str())
        .map_err(|fault| Failure::new(format!("mesh configuration: rootNamespace: {fault}")))
}

/// What is shown to clients, and to servers.
type Configs = (Arc<ServerConfig>, Arc<ClientConfig>);

fn configure(
    own: &ca::Own,
    roots: &Bundle,
    trust_domain: &TrustDomain,
) -> Result<Configs, TlsFault> {
    let shown = own.watch().borrow().clone();
    let credentials = Credentials {
        chain: shown.chain.clone(),
        key: Arc::from(shown.key.as_slice()),
    };
    let server = server_config(&credentials, roots, trust_domain)?;
    Ok((server, client_config(&credentials, roots)?))
}

/// Whose clients are believed.
fn roots_of(service: &ca::Service, known: &Known, own: &TrustDomain) -> Bundle {
    let trust = service.trust().borrow().clone();
    let mesh = known.follow_mesh().borrow().clone();
    bundles::own_roots(own, &trust, mesh.as_deref())
}

/// Shows the newest certificate and believes the newest roots.
async fn follow_credentials(
    own: Arc<ca::Own>,
    (service, known): (Arc<ca::Service>, Arc<Known>),
    trust_domain: TrustDomain,
    (config, client): (
        watch::Sender<Arc<ServerConfig>>,
        watch::Sender<Arc<ClientConfig>>,
    ),
) {
    let (mut shown, mut trust) = (own.watch(), service.trust());
    let mut mesh = known.follow_mesh();
    loop {
        let changed = tokio::select! {
            changed = shown.changed() => changed,
            changed = trust.changed() => changed,
            changed = mesh.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
        let roots = roots_of(&service, &known, &trust_domain);
        match configure(&own, &roots, &trust_domain) {
            Ok((server, newest)) => {
                config.send_replace(server);
                client.send_replace(newest);
            }
            Err(fault) => tracing::error!(%fault, "new connections get the certificate of before"),
        }
    }
}

/// Gives every workload of the source its token, and takes it from those that are gone.
async fn follow_workloads(tokens: Arc<ca::Tokens>, known: Arc<Known>) {
    let mut names = known.follow_names();
    while names.changed().await.is_ok() {
        reconcile(&tokens, &known).await;
    }
}

async fn reconcile(tokens: &Arc<ca::Tokens>, known: &Known) {
    let (tokens, holders) = (Arc::clone(tokens), known.holders());
    let done = tokio::task::spawn_blocking(move || tokens.reconcile(&holders)).await;
    match done {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "some workloads have no token"),
        Err(error) => tracing::error!(%error, "tokens were not written"),
    }
}
