//! Who is served: Envoy, and nobody else of its user either.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use tokio::net::UnixStream;

/// No process has this number.
const NOBODY: i32 = 0;

/// The one process that is served, once it has started. Clones share it.
///
/// In a pod, the application sees the same abstract sockets as the agent, and if it is root there, it can take any user's
/// number; but not the number of another process.
#[derive(Clone, Debug, Default)]
pub struct Guest(Arc<AtomicI32>);

/// Somebody else.
#[derive(Debug, PartialEq, Eq)]
pub struct Stranger {
    user: u32,
    process: i32,
}

impl Guest {
    /// From now on it is this process, a child of ours that nobody has waited for.
    pub fn expect(&self, process: u32) {
        let process = i32::try_from(process).unwrap_or(NOBODY);
        self.0.store(process, Ordering::Relaxed);
    }

    /// From now on it is nobody.
    pub fn forget(&self) {
        self.0.store(NOBODY, Ordering::Relaxed);
    }

    /// Whether it is the one who has connected, as the kernel says.
    ///
    /// # Errors
    /// When it is somebody else.
    pub fn recognize(&self, stream: &UnixStream) -> Result<(), Stranger> {
        let (user, process) = match stream.peer_cred() {
            // A process that our namespace doesn't know has no number.
            Ok(peer) => (peer.uid(), peer.pid().unwrap_or(NOBODY)),
            Err(_) => (u32::MAX, NOBODY),
        };
        let is_ours = user == rustix::process::geteuid().as_raw();
        let expected = self.0.load(Ordering::Relaxed);
        if is_ours && process != NOBODY && process == expected {
            Ok(())
        } else {
            Err(Stranger { user, process })
        }
    }
}

impl fmt::Display for Stranger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, process } = self;
        write!(formatter, "process {process} of user {user}")
    }
}
