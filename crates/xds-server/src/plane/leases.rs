//! Which proxies are open in the compiler, and for whom.
//!
//! Streams of equal proxies share one. A proxy stays open for a while after its last stream has
//! ended, so that a proxy that comes back finds everything compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ferromesh_compiler::{Proxy, ProxyId};
use ferromesh_xds::AudienceId;

use crate::hub::StreamId;

/// How long a proxy without streams stays open.
const LINGER: Duration = Duration::from_secs(10);

/// How many proxies without streams stay open.
const LINGERING: usize = 1024;

#[derive(Debug)]
struct Lease {
    id: ProxyId,
    streams: BTreeSet<StreamId>,
    audiences: Option<Arc<[AudienceId]>>,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Leases {
    proxies: BTreeMap<Proxy, Lease>,
    names: BTreeMap<ProxyId, Proxy>,
    streams: BTreeMap<StreamId, Proxy>,
    lingering: BTreeSet<(Instant, ProxyId)>,
}

/// What a stream finds.
#[derive(Debug)]
pub(super) enum Joined {
    /// Its proxy is open and has these audiences.
    Known(Arc<[AudienceId]>),
    /// Its proxy is open; the audiences come with the next compilation.
    Waits,
    /// Its proxy has to be opened.
    New,
}

impl Leases {
    /// A stream connects.
    pub(super) fn join(&mut self, stream: StreamId, proxy: &Proxy) -> Joined {
        let Some(lease) = self.proxies.get_mut(proxy) else {
            return Joined::New;
        };
        if lease.streams.is_empty() {
            let id = lease.id;
            self.lingering.retain(|(_, held)| *held != id);
        }
        lease.streams.insert(stream);
        self.streams.insert(stream, proxy.clone());
        lease.audiences.clone().map_or(Joined::Waits, Joined::Known)
    }

    /// The proxy of a stream has been opened.
    pub(super) fn open(&mut self, stream: StreamId, proxy: Proxy, id: ProxyId) {
        self.streams.insert(stream, proxy.clone());
        self.names.insert(id, proxy.clone());
        self.proxies.insert(
            proxy,
            Lease {
                id,
                streams: BTreeSet::from([stream]),
                audiences: None,
            },
        );
    }

    /// A stream has ended.
    pub(super) fn leave(&mut self, stream: StreamId, now: Instant) {
        let Some(proxy) = self.streams.remove(&stream) else {
            return;
        };
        let Some(lease) = self.proxies.get_mut(&proxy) else {
            return;
        };
        lease.streams.remove(&stream);
        if lease.streams.is_empty() {
            self.lingering.insert((now + LINGER, lease.id));
        }
    }

    /// When the next proxy has to be closed.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.lingering.first().map(|(time, _)| *time)
    }

    /// Proxies that have to be closed.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<ProxyId> {
        let mut expired = Vec::new();
        while let Some((time, id)) = self.lingering.first().copied()
            && (time <= now || self.lingering.len() > LINGERING)
        {
            self.lingering.remove(&(time, id));
            if let Some(proxy) = self.names.remove(&id) {
                self.proxies.remove(&proxy);
            }
            expired.push(id);
        }
        expired
    }

    /// A proxy belongs to other audiences. Returns its streams.
    pub(super) fn assign(
        &mut self,
        id: ProxyId,
        audiences: Arc<[AudienceId]>,
    ) -> Vec<(StreamId, Arc<[AudienceId]>)> {
        let lease = self
            .names
            .get(&id)
            .and_then(|proxy| self.proxies.get_mut(proxy));
        let Some(lease) = lease else {
            return Vec::new();
        };
        lease.audiences = Some(Arc::clone(&audiences));
        lease
            .streams
            .iter()
            .map(|stream| (*stream, Arc::clone(&audiences)))
            .collect()
    }
}
