//! Who is who, as values: SPIFFE ids, what certificates say, and trust bundles.
//!
//! It signs and verifies nothing, and knows no keys, files, sockets, pods or policies.
//!
//! Reading order: [`spiffe`].

pub mod spiffe;

pub use spiffe::{SpiffeFault, SpiffeId, TrustDomain};
