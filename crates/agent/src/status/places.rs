//! Places for connections: few, and not all for one, or anybody in the mesh could keep the kubelet out.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most connections that are served at the same time; probes and scrapes need a handful.
const ALL: usize = 256;

/// The most of them that come from one address.
const OF_ONE: usize = 32;

type Counts = Arc<Mutex<BTreeMap<IpAddr, usize>>>;

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    counts: Counts,
}

/// One that is free, as yet for anybody.
pub(super) struct Free {
    permit: OwnedSemaphorePermit,
    counts: Counts,
}

/// One that is taken, until it is dropped.
pub(super) struct Place {
    peer: IpAddr,
    counts: Counts,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(ALL)),
            counts: Counts::default(),
        }
    }

    /// Waits for one; nobody ever closes them all.
    pub(super) async fn free(&self) -> Option<Free> {
        let permit = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Free {
            permit,
            counts: Arc::clone(&self.counts),
        })
    }
}

impl Free {
    /// Gives it to somebody, if he has not enough of them.
    pub(super) fn take(self, peer: IpAddr) -> Option<Place> {
        let Self { permit, counts } = self;
        let mut all = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(peer).or_default();
        if *count >= OF_ONE {
            return None;
        }
        *count += 1;
        drop(all);
        Some(Place {
            peer,
            counts,
            _permit: permit,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_takes_all_places() {
        let (places, one, other) = (
            Places::new(),
            IpAddr::from([10, 0, 0, 1]),
            IpAddr::from([10, 0, 0, 2]),
        );
        let take = async |peer| places.free().await.unwrap().take(peer);
        let mut taken = Vec::new();
        for _ in 0..OF_ONE {
            taken.push(take(one).await.expect("a place"));
        }
        for _ in 0..2 * ALL {
            assert!(take(one).await.is_none(), "he has enough");
        }
        assert!(take(other).await.is_some());
        taken.pop();
        taken.push(take(one).await.expect("his own again"));
        taken.clear();
        assert!(places.counts.lock().unwrap().is_empty());
        assert_eq!(places.all.available_permits(), ALL);
    }
}
