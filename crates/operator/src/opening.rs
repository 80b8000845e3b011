//! What the command line names, opened: the source, the ports, files.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ferromesh_ca::Lifetimes;
use ferromesh_chassis::failure::WRONG_USAGE;
use ferromesh_chassis::{Failure, listen};
use ferromesh_identity::Certificate;
use ferromesh_injector::Settings;
use ferromesh_kube_source::{cluster, directory, yaml};
use rustls::pki_types::CertificateDer;
use tokio::net::TcpListener;

use crate::arguments::Source;
use crate::cluster::Cluster;
use crate::identity::Home;
use crate::jwks::Held;
use crate::jwks::store::Store;

/// The ConfigMap whose key `mesh` is the mesh configuration.
const MESH_CONFIG_MAP: &str = "ferromesh";

/// The folder of fetched keys in the state directory.
const JWKS: &str = "jwks";

/// Where to listen.
pub struct Addresses {
    /// Envoys and agents by TLS, if there is an authority.
    pub xds: Option<SocketAddr>,
    /// Envoys on this machine, without.
    pub plaintext: Option<SocketAddr>,
    /// The API server, and the file that says how sidecars are injected.
    pub webhook: Option<(SocketAddr, PathBuf)>,
    /// People on this machine.
    pub debug: SocketAddr,
    /// The kubelet and Prometheus.
    pub health: Option<SocketAddr>,
}

/// What listens.
pub struct Ports {
    /// Envoys and agents by TLS.
    pub xds: Option<TcpListener>,
    /// Envoys on this machine, without.
    pub plaintext: Option<TcpListener>,
    /// The API server, and how sidecars are injected.
    pub webhook: Option<(TcpListener, Arc<Settings>)>,
    /// People on this machine.
    pub debug: TcpListener,
    /// The kubelet and Prometheus.
    pub health: Option<TcpListener>,
    /// Where all of them are.
    pub announced: Vec<(&'static str, SocketAddr)>,
}

impl Ports {
    /// Opens them.
    ///
    /// # Errors
    /// When one is taken, or a file can't be used.
    pub async fn open(addresses: Addresses) -> Result<Self, Failure> {
        let Addresses {
            xds,
            plaintext,
            webhook,
            debug,
            health,
        } = addresses;
        let mut announced = Vec::new();
        let mut open = async |name: &'static str, address: Option<SocketAddr>| {
            let Some(address) = address else {
                return Ok::<_, Failure>(None);
            };
            let (listener, address) = listen::on(&format!("--{name}-address"), address).await?;
            announced.push((name, address));
            Ok(Some(listener))
        };
        let xds = open("xds", xds).await?;
        let plaintext = open("plaintext-xds", plaintext).await?;
        let (address, file) = webhook.unzip();
        let settings = file.as_deref().map(injection).transpose()?;
        let webhook = open("webhook", address).await?.zip(settings.map(Arc::new));
        let health = open("health", health).await?;
        let (debug, address) = listen::on("--debug-address", debug).await?;
        announced.push(("debug", address));
        Ok(Self {
            xds,
            plaintext,
            webhook,
            debug,
            health,
            announced,
        })
    }
}

/// Opens the source, and says where the authority is kept that goes with it.
///
/// # Errors
/// When it is not there.
pub async fn source(
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
fn injection(file: &Path) -> Result<ferromesh_injector::Settings, Failure> {
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
///
/// # Errors
/// When the file has none.
pub fn jwks_roots(file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, Failure> {
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
///
/// # Errors
/// When the directory can't be used.
pub fn jwks_store(state: Option<&Path>) -> Result<(Store, Held), Failure> {
    let directory = state.map(|state| state.join(JWKS));
    Store::open(directory.as_deref()).map_err(|error| Failure::new(format!("--state: {error}")))
}

/// The lifetimes of certificates, the longest of which is given in seconds.
pub fn lifetimes(longest: u32) -> Lifetimes {
    let longest = Duration::from_secs(longest.into());
    let usual = Lifetimes::default();
    Lifetimes {
        default: longest,
        min: usual.min.min(longest),
        max: longest,
        skew: usual.skew,
    }
}

fn refused(error: directory::OpenError) -> Failure {
    let text = format!("--source: {error}");
    match error {
        directory::OpenError::Directory(..) => Failure::with_status(text, WRONG_USAGE),
        directory::OpenError::Watcher(_) => Failure::new(text),
    }
}
