//! Any source.

use crate::batch::Batch;
use crate::{cluster, directory};

/// Where objects come from.
#[derive(Debug)]
pub enum Source {
    /// A directory.
    Directory(directory::Watch),
    /// An API server.
    Cluster(cluster::Watch),
}

impl Source {
    /// The next batch; `None` only if the source has died. May be dropped and called again at any
    /// time.
    pub async fn next(&mut self) -> Option<Batch> {
        match self {
            Self::Directory(watch) => watch.next().await,
            Self::Cluster(watch) => watch.next().await,
        }
    }
}
