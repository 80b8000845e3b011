//! Somebody else who writes what we write: another control plane, most likely. Whoever answered each
//! time at once would keep the API server busy for ever, and still have no more than half of it.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// So often it is put right at once.
const AT_ONCE: u32 = 3;

/// The first pause after that, which grows to the second.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// After so long in peace everything is forgotten.
const PEACE: Duration = Duration::from_secs(900);

/// How a namespace is written now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// At once.
    AtOnce,
    /// Later, for the first time: somebody should know.
    Begun,
    /// Later.
    Later,
}

/// Namespaces whose roots somebody else writes, too.
#[derive(Debug, Default)]
pub struct Disputes(HashMap<String, Dispute>);

#[derive(Debug)]
struct Dispute {
    times: u32,
    last: Instant,
    until: Instant,
}

impl Disputes {
    /// Somebody has written something else than we had.
    pub fn contest(&mut self, namespace: &str, now: Instant) -> Answer {
        self.0
            .retain(|_, dispute| now.duration_since(dispute.last) < PEACE);
        let dispute = self.0.entry(namespace.to_owned()).or_insert(Dispute {
            times: 0,
            last: now,
            until: now,
        });
        dispute.times += 1;
        dispute.last = now;
        let Some(later) = dispute.times.checked_sub(AT_ONCE + 1) else {
            return Answer::AtOnce;
        };
        let pause = PAUSES.0.saturating_mul(1 << later.min(16)).min(PAUSES.1);
        dispute.until = now + pause;
        if later == 0 {
            Answer::Begun
        } else {
            Answer::Later
        }
    }

    /// Whether it is left for now.
    pub fn is_left(&self, namespace: &str, now: Instant) -> bool {
        self.0
            .get(namespace)
            .is_some_and(|dispute| dispute.until > now)
    }

    /// When the first of those that are left is to be written.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let left = self.0.values().map(|dispute| dispute.until);
        left.filter(|until| *until > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_contradicted_again_and_again_gives_way() {
        let begin = Instant::now();
        let mut disputes = Disputes::default();
        for _ in 0..AT_ONCE {
            assert_eq!(disputes.contest("a", begin), Answer::AtOnce);
            assert!(!disputes.is_left("a", begin));
        }
        assert_eq!(disputes.next(begin), None);
        assert_eq!(disputes.contest("a", begin), Answer::Begun);
        assert!(disputes.is_left("a", begin) && !disputes.is_left("b", begin));
        assert_eq!(disputes.next(begin), Some(begin + PAUSES.0));
        assert!(!disputes.is_left("a", begin + PAUSES.0));
        let mut now = begin;
        for _ in 0..50 {
            now = disputes.next(now).expect("a time");
            assert_eq!(disputes.contest("a", now), Answer::Later);
        }
        assert_eq!(disputes.next(now), Some(now + PAUSES.1));
        assert_eq!(disputes.contest("a", now + PEACE), Answer::AtOnce);
    }
}
