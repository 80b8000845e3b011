//! Places for connections. Whoever can reach the server can connect, and must not keep the API
//! server from it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many connections at a time.
const ALL: usize = 1024;

/// So many from one address; an API server may come through another's.
const EACH: usize = 512;

pub struct Places {
    all: Arc<Semaphore>,
    each: HashMap<IpAddr, Arc<Semaphore>>,
}

/// A place, for as long as it lives. `None` would be that of a closed semaphore, which these never are.
pub struct Place(#[expect(dead_code)] Option<OwnedSemaphorePermit>);

impl Default for Places {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(ALL)),
            each: HashMap::new(),
        }
    }
}

impl Places {
    /// Waits for a place.
    pub async fn free(&self) -> Place {
        Place(Arc::clone(&self.all).acquire_owned().await.ok())
    }

    /// Gives it to a connection from this address, unless that has too many.
    pub fn give(&mut self, place: Place, from: IpAddr) -> Option<(Place, Place)> {
        self.each
            .retain(|_, places| places.available_permits() < EACH);
        let own = self.each.entry(from);
        let own = own.or_insert_with(|| Arc::new(Semaphore::new(EACH)));
        let own = Arc::clone(own).try_acquire_owned().ok()?;
        Some((place, Place(Some(own))))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn one_address_never_takes_the_place_of_another() {
        let mut places = Places::default();
        let (greedy, other) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let mut taken = Vec::new();
        for _ in 0..EACH {
            let place = places.free().await;
            taken.push(places.give(place, greedy.into()).expect("a place"));
        }
        let place = places.free().await;
        assert!(places.give(place, greedy.into()).is_none());
        let place = places.free().await;
        assert!(places.give(place, other.into()).is_some());
        taken.pop();
        let place = places.free().await;
        assert!(places.give(place, greedy.into()).is_some());
        assert_eq!(places.each.len(), 1, "who has none is forgotten");
    }
}
