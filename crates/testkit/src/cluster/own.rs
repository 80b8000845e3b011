//! A cluster of a test's own, for what other tests must not see: programs that end, definitions that are replaced.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Cluster;
use crate::programs;

/// A cluster of a test's own. Dropping it removes it; when a test fails, what it has said is kept.
///
/// The tests of a process take turns: a machine has memory, and watches of files, for some clusters only.
#[derive(Debug)]
pub struct Own {
    cluster: Cluster,
    _turn: MutexGuard<'static, ()>,
}

impl Own {
    /// A new cluster with these images, of the programs of [`Cluster::of_tests`]. Its name begins with the given one.
    ///
    /// # Panics
    /// When it doesn't come up.
    pub fn start(name: &str, images: &[PathBuf]) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        // A test that failed has removed its cluster all the same.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{name}-{}", std::process::id());
        let programs = Cluster::of_tests().place().programs.clone();
        match Cluster::start(&name, &programs, images) {
            Ok(cluster) => Self {
                cluster,
                _turn: turn,
            },
            Err(error) => {
                keep_logs(&name);
                let _ = Cluster::remove(&name);
                panic!("{error}");
            }
        }
    }
}

impl Deref for Own {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let name = &self.cluster.place().name;
        if std::thread::panicking() {
            keep_logs(name);
        }
        if let Err(error) = Cluster::remove(name) {
            eprintln!("{error}");
        }
    }
}

fn keep_logs(name: &str) {
    let folder = programs::workspace().join("target/e2e-logs");
    let kept = std::fs::create_dir_all(&folder).is_ok()
        && Cluster::keep_logs(name, &folder.join(name)).is_ok();
    if kept {
        eprintln!(
            "what the cluster {name} has said is in {}",
            folder.display()
        );
    }
}
