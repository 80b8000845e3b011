//! The secrets that there are, and who waits for news of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferromesh_envoy::Message;
use ferromesh_envoy::tls::Secret;
use ferromesh_xds::{
    AudienceId, Publication, Resource, ResourceId, ResourceType, Session, Snapshot,
    SnapshotBuilder, Variant,
};
use tokio::sync::mpsc;

/// The secrets that there are. Clones share them.
#[derive(Clone)]
pub struct Store(Arc<Mutex<Inner>>);

struct Inner {
    builder: SnapshotBuilder,
    snapshot: Arc<Snapshot>,
    audience: AudienceId,
    slots: HashMap<String, ResourceId>,
    streams: Vec<mpsc::UnboundedSender<Arc<Publication>>>,
}

/// What a stream begins with.
pub struct Opened {
    /// Its session.
    pub session: Session,
    /// News for it.
    pub news: mpsc::UnboundedReceiver<Arc<Publication>>,
}

impl Default for Store {
    fn default() -> Self {
        let mut builder = SnapshotBuilder::new();
        let audience = builder.open_audience();
        let snapshot = builder.publish().snapshot;
        Self(Arc::new(Mutex::new(Inner {
            builder,
            snapshot,
            audience,
            slots: HashMap::new(),
            streams: Vec::new(),
        })))
    }
}

impl Store {
    /// Adds a secret, or replaces the one of its name.
    pub fn put(&self, secret: &Secret) {
        let mut inner = self.lock();
        let resource = Resource::encode(
            ResourceType::Secret,
            secret.name.as_str(),
            &[],
            &secret.encode_to_vec(),
            [],
            None,
        );
        match inner.slots.get(&secret.name).copied() {
            Some(id) => {
                if !inner.builder.replace(id, resource) {
                    return;
                }
            }
            None => {
                let audience = inner.audience;
                let id = inner.builder.insert(resource);
                inner.builder.list(audience, id);
                inner.slots.insert(secret.name.clone(), id);
            }
        }
        let publication = Arc::new(inner.builder.publish());
        inner.snapshot = Arc::clone(&publication.snapshot);
        inner
            .streams
            .retain(|stream| stream.send(Arc::clone(&publication)).is_ok());
    }

    /// Whether there is a secret of this name.
    pub fn has(&self, name: &str) -> bool {
        self.lock().slots.contains_key(name)
    }

    /// Begins a stream.
    pub fn open(&self, variant: Variant) -> Opened {
        let mut inner = self.lock();
        let (sender, news) = mpsc::unbounded_channel();
        inner.streams.push(sender);
        let mut session = Session::new(variant, Arc::from("envoy"), Arc::clone(&inner.snapshot));
        session.assign(Arc::from([inner.audience]), &inner.snapshot);
        Opened { session, news }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
