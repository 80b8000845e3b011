//! Fractions.

/// A share in parts per million, 0 to 1 000 000 (Istio's `Percent.value` is a double with an
/// effective resolution of 0.0001 %, which is one part per million).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartsPerMillion(pub u32);

impl PartsPerMillion {
    /// All of it.
    pub const ALL: Self = Self(1_000_000);

    /// From a percentage, 0.0 to 100.0; values outside are clamped.
    pub fn from_percent(percent: f64) -> Self {
        // Saturating by `as`: NaN and negatives are 0.
        Self((percent * 10_000.0).round().clamp(0.0, 1_000_000.0) as u32)
    }
}
