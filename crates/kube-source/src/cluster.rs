//! An API server as a source of objects.
//!
//! Watched are the kinds that say something to a mesh, Istio's as soon and as long as they are
//! defined; of their objects only what is read is kept, and that only until it has been handed
//! over. Each kind has a feed of its own, which lists (as a stream where the server can, else by
//! pages), watches, and takes up again after whatever goes wrong: where it ended if the server
//! remembers, else from the beginning, after which what has not come again is gone. While the
//! server is away, nothing is. What is wrong is a fault in the batches.
//!
//! What this deliberately does not know: what any field means, but for `discoverySelectors` of the
//! mesh configuration.
//!
//! Reading order: `kinds` and `mask` (what is kept) → `item` (an object) → `request`, `trouble`,
//! `definition` → `feed` (one kind) → `shelf`, `discovery` → `gather` (all of them).

mod definition;
mod discovery;
mod feed;
mod gather;
mod item;
mod kinds;
mod mask;
mod pace;
mod request;
mod shelf;
mod trouble;

use std::fmt;

use kube::{Client, Config};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::feed::Means;
use self::gather::Gatherer;
use self::request::Extent;
use crate::batch::Batch;
use crate::directory::namespace;

pub use pace::Pace;

/// So many news of feeds wait to be gathered.
const WAITING: usize = 64;

/// How a cluster is watched.
#[derive(Clone)]
pub struct Settings {
    /// Who is asked, see [`connect`].
    pub client: Client,
    /// The namespace of the control plane, which is always discovered.
    pub root_namespace: String,
    /// The ConfigMap in it whose key `mesh` is the mesh configuration.
    pub mesh_config_map: String,
    /// How fast one tries again.
    pub pace: Pace,
}

/// A cluster that can't be watched at all.
#[derive(Debug)]
pub enum OpenError {
    /// There is neither a kubeconfig nor a service account, or what it says can't be used.
    Client(Box<kube::Error>),
    /// No object can have this name.
    Name(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => write!(f, "no way to an API server: {error}"),
            Self::Name(name) => write!(f, "{name:?} is no name that an object can have"),
        }
    }
}

impl std::error::Error for OpenError {}

/// A client by KUBECONFIG, else by the pod's service account. Nothing is sent yet.
///
/// # Errors
/// If there is neither, or it can't be used.
pub async fn connect() -> Result<Client, OpenError> {
    let refused = |error| OpenError::Client(Box::new(error));
    let inferred = Config::infer().await;
    let mut config = inferred.map_err(|error| refused(kube::Error::InferConfig(error)))?;
    // Who asks decides when to ask again, and says meanwhile what is wrong.
    config.default_retry = false;
    Client::try_from(config).map_err(refused)
}

/// A cluster that is being watched.
#[derive(Debug)]
pub struct Watch {
    batches: mpsc::Receiver<Batch>,
    gathering: JoinHandle<()>,
}

impl Watch {
    /// Starts watching, on the runtime of the caller.
    ///
    /// # Errors
    /// If the names in the settings are none.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        let Settings {
            client,
            root_namespace,
            mesh_config_map,
            pace,
        } = settings;
        for name in [&root_namespace, &mesh_config_map] {
            namespace(name).map_err(|_| OpenError::Name(name.clone()))?;
        }
        let config_map = Extent::One {
            namespace: root_namespace.clone(),
            name: mesh_config_map,
        };
        let (news, heard) = mpsc::channel(WAITING);
        let (sender, batches) = mpsc::channel(1);
        let means = Means { client, pace, news };
        let gatherer = Gatherer::new(means, &root_namespace, config_map);
        let gathering = tokio::spawn(gatherer.run(heard, sender));
        Ok(Self { batches, gathering })
    }

    /// The next batch. Until everything has been read, batches are partial and say only what is
    /// wrong; the first complete one is what there is at the start, and comes even if that is
    /// nothing. `None` only if the watch has died. May be dropped and called again at any time.
    pub async fn next(&mut self) -> Option<Batch> {
        self.batches.recv().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.gathering.abort();
    }
}
