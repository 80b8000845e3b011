//! What tests and benchmarks are made of: random worlds of objects, clients that behave like
//! Envoy or worse, real programs and real Envoys as child processes.
//!
//! Reading order: [`generate`] (objects), [`replica`] (what a compiler serves), [`ads_client`].

pub mod ads_client;
pub mod generate;
pub mod replica;
