//! Weights.

/// A weight as Envoy takes it: it refuses weights whose sum doesn't fit 32 bits. `total` is
/// the sum of all of them.
pub(crate) fn share(weight: u32, total: u64) -> u32 {
    let limit = u64::from(u32::MAX);
    if total <= limit {
        return weight;
    }
    // Half of the limit leaves room for those that are rounded up to something.
    u32::try_from(u64::from(weight) * (limit / 2) / total)
        .unwrap_or(weight)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn sums_fit_and_nobody_gets_nothing() {
        let weights = [u32::MAX, u32::MAX, 1];
        let total = weights.iter().map(|weight| u64::from(*weight)).sum();
        let shares = weights.map(|weight| share(weight, total));
        assert!(shares.iter().map(|share| u64::from(*share)).sum::<u64>() <= u64::from(u32::MAX));
        assert_eq!(shares, [1_073_741_823, 1_073_741_823, 1]);
        assert_eq!(share(90, 100), 90);
    }
}
