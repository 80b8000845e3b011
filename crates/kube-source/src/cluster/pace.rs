//! How fast one tries again.

use std::time::Duration;

/// How fast one tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The longest wait after the first failure; each further one doubles it.
    pub first: Duration,
    /// The longest wait.
    pub most: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            most: Duration::from_secs(20),
        }
    }
}

impl Pace {
    /// How long to wait after so many failures in a row, the last one included: somewhere in the
    /// upper half, so that not all try again at once.
    pub(super) fn wait(self, failures: u32) -> Duration {
        let doubled = 1u32 << failures.saturating_sub(1).min(16);
        let longest = self.first.saturating_mul(doubled).min(self.most);
        longest.mul_f64(0.5 + 0.5 * fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pace;

    #[test]
    fn waits_grow_up_to_a_limit() {
        let pace = Pace::default();
        for (failures, longest) in [(1, 500), (2, 1_000), (4, 4_000), (7, 20_000), (99, 20_000)] {
            let longest = Duration::from_millis(longest);
            let wait = pace.wait(failures);
            assert!(
                wait <= longest && wait >= longest / 2,
                "{failures}: {wait:?}"
            );
        }
    }
}
