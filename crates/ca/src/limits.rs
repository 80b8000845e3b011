//! How many certificates one identity gets: a bucket of tokens for each.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ferromesh_identity::SpiffeId;

/// How many identities are remembered: only those that were attested get here, so there are no
/// more of them than accounts.
const MOST: usize = 65_536;

/// How many certificates one identity gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// At once.
    pub burst: f64,
    /// And then in a second.
    pub per_second: f64,
}

impl Default for Rate {
    /// A rollout of some hundred pods at once, and then 20 a second.
    fn default() -> Self {
        Self {
            burst: 500.0,
            per_second: 20.0,
        }
    }
}

/// The buckets.
#[derive(Debug)]
pub(crate) struct Limits {
    rate: Rate,
    buckets: Mutex<HashMap<SpiffeId, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Duration,
}

impl Limits {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            buckets: Mutex::default(),
        }
    }

    /// Takes a token out of the bucket of an identity; whether there was one.
    pub(crate) fn take(&self, identity: &SpiffeId, now: Duration) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST && !buckets.contains_key(identity) {
            // A bucket that is full again says nothing.
            buckets.retain(|_, bucket| self.refilled(*bucket, now) < self.rate.burst);
            if buckets.len() >= MOST {
                return false;
            }
        }
        let bucket = buckets.entry(identity.clone()).or_insert(Bucket {
            left: self.rate.burst,
            at: now,
        });
        bucket.left = self.refilled(*bucket, now);
        bucket.at = now;
        if bucket.left < 1.0 {
            return false;
        }
        bucket.left -= 1.0;
        true
    }

    fn refilled(&self, bucket: Bucket, now: Duration) -> f64 {
        // A clock that was set back refills nothing.
        let since = now.saturating_sub(bucket.at).as_secs_f64();
        (bucket.left + since * self.rate.per_second).min(self.rate.burst)
    }
}

/// How many refusals are logged in a second as warnings.
const LINES: u32 = 20;

/// The lines of this second.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<(u64, u32)>);

impl Lines {
    /// Whether one more may be written.
    pub(crate) fn write(&self, now: Duration) -> bool {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (second, written) = *lines;
        let written = match second == now.as_secs() {
            true => written.saturating_add(1),
            false => 1,
        };
        *lines = (now.as_secs(), written);
        written <= LINES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(account: &str) -> SpiffeId {
        SpiffeId::new(ferromesh_identity::TrustDomain::default(), "a", account).expect("an id")
    }

    #[test]
    fn one_that_floods_leaves_the_others_as_they_are() {
        let limits = Limits::new(Rate {
            burst: 3.0,
            per_second: 1.0,
        });
        let second = Duration::from_secs;
        let got = (0..1000)
            .filter(|_| limits.take(&id("a"), second(9)))
            .count();
        assert_eq!(got, 3);
        assert!(limits.take(&id("b"), second(9)));
        assert!(!limits.take(&id("a"), Duration::from_millis(9_900)));
        assert!(limits.take(&id("a"), second(10)));
        assert!(!limits.take(&id("a"), second(10)));
        assert!(!limits.take(&id("a"), second(5)), "the clock was set back");
        let got = (0..9)
            .filter(|_| limits.take(&id("a"), second(1000)))
            .count();
        assert_eq!(got, 3);
    }

    #[test]
    fn a_flood_of_refusals_is_not_a_flood_of_lines() {
        let lines = Lines::default();
        let written = |second| {
            let now = Duration::from_secs(second);
            (0..1000).filter(|_| lines.write(now)).count()
        };
        assert_eq!([written(1), written(2), written(1)], [20; 3]);
    }

    #[test]
    fn memory_is_bounded_and_idle_ones_make_room() {
        let limits = Limits::new(Rate::default());
        for index in 0..MOST {
            assert!(limits.take(&id(&index.to_string()), Duration::ZERO));
        }
        assert!(!limits.take(&id("one-more"), Duration::ZERO));
        assert!(limits.take(&id("one-more"), Duration::from_secs(60)));
        let held = limits.buckets.lock().expect("the buckets").len();
        assert_eq!(held, 1);
    }
}
