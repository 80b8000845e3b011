//! The mesh in the cluster of tests, as a person installs it: two charts and no value.
//!
//! Tests that only use it [share](shared) it; a test that breaks it has it [alone], and leaves a sound one behind.

use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Cluster;
use super::room::check;

/// The namespace of the control plane.
pub const NAMESPACE: &str = "ferromesh-system";

/// How long the control plane may take.
const PATIENCE: &str = "--timeout=120s";

static USE: RwLock<()> = RwLock::new(());
static INSTALLED: Mutex<bool> = Mutex::new(false);

/// The mesh, used by others as well.
#[derive(Debug)]
pub struct Shared(#[expect(dead_code)] RwLockReadGuard<'static, ()>);

/// The mesh, used by nobody else.
#[derive(Debug)]
pub struct Alone {
    cluster: Cluster,
    _guard: RwLockWriteGuard<'static, ()>,
}

/// Installs the mesh, if nobody has, and keeps others from breaking it.
///
/// # Panics
/// When it doesn't come up.
pub fn shared(cluster: &Cluster) -> Shared {
    let guard = USE.read().unwrap_or_else(PoisonError::into_inner);
    ensure(cluster);
    Shared(guard)
}

/// Installs the mesh, if nobody has, and keeps others away.
///
/// # Panics
/// When it doesn't come up.
pub fn alone(cluster: &Cluster) -> Alone {
    let guard = USE.write().unwrap_or_else(PoisonError::into_inner);
    ensure(cluster);
    Alone {
        cluster: cluster.clone(),
        _guard: guard,
    }
}

/// Installs both charts with these values, or brings them back to that, and waits until the control plane is ready.
///
/// # Panics
/// When it doesn't become ready.
pub fn install(cluster: &Cluster, values: &[&str]) {
    let charts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts");
    let helm = |release: &str, more: &[&str]| {
        let mut command = cluster.helm();
        command
            .args(["upgrade", "--install", release])
            .arg(format!("{charts}/{release}"))
            // Without it what was set before stays when nothing is set now.
            .args(["--wait", PATIENCE, "--reset-values"])
            .args(more);
        check(&mut command);
    };
    helm("ferromesh-crds", &[]);
    let own = ["--namespace", NAMESPACE, "--create-namespace"];
    helm("ferromesh", &[&own, values].concat());
}

fn ensure(cluster: &Cluster) {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*installed {
        install(cluster, &[]);
        *installed = true;
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            install(&self.cluster, &[]);
            return;
        }
        // A second panic would hide the first; whoever comes next installs it.
        *INSTALLED.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }
}
