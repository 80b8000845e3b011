//! Admission: what the API server asks before it stores an object. Pods get their proxies
//! ([`inject`](mod@inject)), and the mesh's own kinds are judged by the same lowering that serves
//! them ([`validate`](mod@validate)), so that admission and the mesh never disagree. And a replica
//! can see whether it is asked at all ([`probe`](mod@probe)).
//!
//! All are pure functions from the bytes of an AdmissionReview to those of its answer; [`server`]
//! puts them behind TLS. Faults between objects are none of admission's business: objects arrive
//! in any order.
//!
//! What this crate deliberately does not know: how its configuration gets into the API server, and
//! where namespaces and settings come from; the program supplies them.
//!
//! Reading order: [`review`], [`validate`](mod@validate), [`inject`](mod@inject),
//! [`probe`](mod@probe), [`server`].

pub mod inject;
pub mod probe;
pub mod review;
pub mod server;
pub mod validate;

pub use inject::inject;
pub use probe::probe;
pub use server::{Admission, Answers, serve};
pub use validate::validate;
