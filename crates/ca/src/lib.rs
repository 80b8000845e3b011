//! The certificate authority: attest, then sign.
//!
//! The identity in a certificate comes from the attestation alone: from a token or a certificate
//! that was verified, and from what the control plane's own source knows of the workload. What the
//! request asks for is compared with it and never copied.
//!
//! It knows no mesh, no policies and no sockets: the program that serves it plugs
//! [`Service::create_certificate`] in, and supplies what is known of workloads as [`Workloads`].
//!
//! Reading order: [`refusal`], [`workloads`], [`attest`] with [`jwt`] and [`tokens`], [`csr`],
//! [`authority`] with [`issuer`] and [`signer`], [`service`] with [`metrics`]; [`roots`], [`own`].

pub mod attest;
pub mod authority;
pub mod clock;
pub mod csr;
pub mod issuer;
pub mod jwt;
mod limits;
pub mod metrics;
pub mod own;
pub mod refusal;
pub mod roots;
pub mod service;
pub mod signer;
mod store;
pub mod tokens;
mod verify;
pub mod workloads;

pub use attest::{
    Attested, Attestor, Credentials, DirectoryTokens, NoReviews, OwnCertificates, ProjectedTokens,
    Review, Reviewed, Reviewer,
};
pub use authority::{Authority, Issued, Lifetimes};
pub use clock::{Clock, SystemClock};
pub use metrics::Metrics;
pub use own::{Credentials as ServerCredentials, Own};
pub use refusal::{Reason, Refusal};
pub use roots::{RootFault, Roots, Rotation, Stage, Trust, begin_rotation};
pub use service::{Service, Status};
pub use signer::Signer;
pub use tokens::Tokens;
pub use workloads::{Kind, Phase, Pod, Workload, Workloads};
