//! The messages that our programs exchange besides Envoy's: Istio's certificate service, so that
//! agents and issuers that speak to istiod understand us, and our own for trust bundles and what proxies have taken.
//!
//! It knows what the messages look like and nothing of what they mean; no transport, either.
//!
//! Reading order: [`auth`], [`trust`], [`progress`].

pub mod auth;
pub mod health;
pub mod progress;
pub mod trust;

pub use auth::{IstioCertificateRequest, IstioCertificateResponse};
