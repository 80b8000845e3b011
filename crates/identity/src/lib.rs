//! Who is who, as values: SPIFFE ids, what certificates say, and trust bundles.
//!
//! It signs and verifies nothing, and knows no keys, files, sockets, pods or policies.
//!
//! Reading order: [`spiffe`], [`certificate`], [`bundle`], [`workload`].

pub mod bundle;
pub mod certificate;
pub mod spiffe;
pub mod workload;

pub use bundle::{Bundle, TrustBundles};
pub use certificate::{Certificate, CertificateFault};
pub use spiffe::{SpiffeFault, SpiffeId, TrustDomain};
pub use workload::WorkloadLabels;
