//! Fractions.

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::types::fractional_percent::DenominatorType;
use mesh::policy::percent::PartsPerMillion;

/// The share, at most all.
pub(crate) fn fraction(share: PartsPerMillion) -> envoy::types::FractionalPercent {
    let PartsPerMillion(parts) = share;
    envoy::types::FractionalPercent {
        numerator: parts.min(PartsPerMillion::ALL.0),
        denominator: DenominatorType::Million as i32,
    }
}

/// The share, where Envoy allows a runtime override; there is none.
pub(crate) fn runtime_fraction(share: PartsPerMillion) -> envoy::core::RuntimeFractionalPercent {
    envoy::core::RuntimeFractionalPercent {
        default_value: Some(fraction(share)),
        ..Default::default()
    }
}
