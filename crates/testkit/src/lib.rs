//! What tests and benchmarks are made of: random worlds of objects, clients that behave like
//! Envoy or worse, real programs and real Envoys as child processes.
//!
//! Reading order: [`generate`] (objects), [`replica`] (what a compiler serves), [`ads_client`];
//! then [`programs`], [`process`], [`echo`], [`client`], [`manifests`], [`mesh`], [`network`].

pub mod addresses;
pub mod ads_client;
pub mod authority;
pub mod client;
pub mod cluster;
pub mod echo;
pub mod fake_envoy;
pub mod fixed_ads;
pub mod generate;
pub mod manifests;
pub mod mesh;
pub mod network;
pub mod oracle;
pub mod process;
pub mod programs;
pub mod raw;
pub mod replica;
pub mod tap;
pub mod tls_server;
pub mod tokens;
pub mod wait;
