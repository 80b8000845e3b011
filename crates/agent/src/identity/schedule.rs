//! When to ask for the next certificate.

use std::time::Duration;

/// The first pause after a failure; it doubles with each.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// When to renew a certificate that is valid for so long from now on: at half of it, a tenth sooner or later, so that
/// pods that started together don't come back together. `chance` is in 0..1.
pub fn renewal(rest: Duration, chance: f64) -> Duration {
    rest.mul_f64(0.45 + 0.1 * chance.clamp(0.0, 1.0))
}

/// How long to wait after so many failures in a row: between half and all of a pause that doubles. `chance` is in 0..1.
pub fn pause(failures: u32, chance: f64) -> Duration {
    let doubled = SHORTEST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled
        .min(LONGEST_PAUSE)
        .mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_about_half_life() {
        let day = Duration::from_secs(86_400);
        assert_eq!(renewal(day, 0.5), day / 2);
        assert!(renewal(day, 0.0) >= day.mul_f64(0.449) && renewal(day, 1.0) <= day.mul_f64(0.551));
    }

    #[test]
    fn pauses_double_up_to_a_bound() {
        assert_eq!(pause(1, 1.0), Duration::from_millis(100));
        assert_eq!(pause(2, 1.0), Duration::from_millis(200));
        assert_eq!(pause(2, 0.0), Duration::from_millis(100));
        assert_eq!(pause(40, 1.0), LONGEST_PAUSE);
        assert_eq!(pause(u32::MAX, 0.0), LONGEST_PAUSE / 2);
    }
}
