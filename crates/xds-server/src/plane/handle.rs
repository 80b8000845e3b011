//! The way to the loop, and what is said on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ferromesh_compiler::acceptance::Acceptance;
use ferromesh_compiler::{Compiler, Proxy};
use ferromesh_identity::SpiffeId;
use ferromesh_mesh::diagnostic::Diagnostic;
use ferromesh_mesh::origin::ObjectRef;
use ferromesh_mesh::unit::Unit;
use ferromesh_xds::{Refusal, ResourceId, Version};
use tokio::sync::{mpsc, oneshot};

use crate::hub::{Hub, StreamId};

/// A change of an object.
#[derive(Clone, Debug)]
pub enum Change {
    /// It is new, or has a new version.
    Replace(Arc<Unit>),
    /// It is gone.
    Remove(Arc<ObjectRef>),
}

/// What became of a batch of changes. Batches that arrive together share the figures of the
/// compilation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Changes in the batch.
    pub changes: usize,
    /// Those of them that took effect; the others were refused, and what was in force stays.
    pub in_force: usize,
    /// The number of the publication.
    pub serial: u64,
    /// Resources that the publication changed, added or removed, each counted once for every
    /// audience that got another set of names.
    pub resources: usize,
    /// Streams that were told.
    pub streams: usize,
    /// Time to compile.
    pub compile: Duration,
    /// Time to emit and publish.
    pub publish: Duration,
}

pub(crate) type Reading = Box<dyn FnOnce(&Acceptance, &Compiler) + Send>;

/// What a client has proven about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing, and it need not: it came over loopback.
    Loopback,
    /// That it has this identity, of the mesh's own trust domain.
    Identity(SpiffeId),
}

pub(crate) enum Command {
    Apply {
        changes: Vec<Change>,
        since: Instant,
        done: oneshot::Sender<Applied>,
    },
    Connect {
        stream: StreamId,
        proxy: Proxy,
        standing: Standing,
    },
    Disconnect {
        stream: StreamId,
    },
    Refused {
        client: Arc<str>,
        refusal: Refusal,
    },
    Vouched {
        id: ResourceId,
        version: Version,
    },
    Diagnostics(oneshot::Sender<Vec<Diagnostic>>),
    Inspect(Reading),
}

/// The way to a [`super::Plane`]. Clones are cheap.
#[derive(Clone, Debug)]
pub struct PlaneHandle {
    commands: mpsc::UnboundedSender<Command>,
    hub: Arc<Hub>,
}

impl PlaneHandle {
    /// Hands over changes that were noticed at `since` and waits until they are published. The
    /// first batch has to be the whole world, as far as it is known.
    ///
    /// `None` if the plane has ended.
    pub async fn apply(&self, changes: Vec<Change>, since: Instant) -> Option<Applied> {
        let (done, applied) = oneshot::channel();
        self.send(Command::Apply {
            changes,
            since,
            done,
        });
        applied.await.ok()
    }

    /// Everything that there is to remark: on objects as they were last read, between objects,
    /// and what proxies refused. Empty if the plane has ended.
    pub async fn diagnostics(&self) -> Vec<Diagnostic> {
        let (done, list) = oneshot::channel();
        self.send(Command::Diagnostics(done));
        list.await.unwrap_or_default()
    }

    /// Reads from what the plane owns; the loop waits as long as that takes. `None` if the plane
    /// has ended.
    pub async fn inspect<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Acceptance, &Compiler) -> T + Send + 'static,
    ) -> Option<T> {
        let (done, value) = oneshot::channel();
        self.send(Command::Inspect(Box::new(move |acceptance, compiler| {
            // Nobody may be waiting any more.
            let _ = done.send(read(acceptance, compiler));
        })));
        value.await.ok()
    }

    pub(crate) fn new(commands: mpsc::UnboundedSender<Command>, hub: Arc<Hub>) -> Self {
        Self { commands, hub }
    }

    /// What the plane and the streams share.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub(crate) fn connect(&self, stream: StreamId, proxy: Proxy, standing: Standing) {
        self.send(Command::Connect {
            stream,
            proxy,
            standing,
        });
    }

    pub(crate) fn disconnect(&self, stream: StreamId) {
        self.send(Command::Disconnect { stream });
    }

    pub(crate) fn refused(&self, client: &Arc<str>, refusal: Refusal) {
        self.send(Command::Refused {
            client: Arc::clone(client),
            refusal,
        });
    }

    pub(crate) fn vouched(&self, id: ResourceId, version: Version) {
        self.send(Command::Vouched { id, version });
    }

    fn send(&self, command: Command) {
        // Without a plane there is nobody who would want to know.
        let _ = self.commands.send(command);
    }
}
