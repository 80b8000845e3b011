//! The control plane: it watches a source of manifests, has them compiled and served, and tells
//! their authors what is wrong with them.
//!
//! Everything that it does itself is to connect: `follow` takes batches of changed objects from
//! the source to the dialects and on to the compile loop (`xds_server::Plane`); `reporter` tells
//! diagnostics once; `identity` is the certificate authority; `cluster` is what an API server keeps
//! for it; `doors` is where clients come in; `jwks` fetches the keys of token issuers; `debug` shows what is going on; `metrics` counts it. It knows no field of any
//! object and no resource of Envoy.
//!
//! Reading order: [`arguments`], `opening`, `run`, `follow`, `identity`, `cluster`, `doors`, `jwks`, `reporter`, `debug`, `metrics`.

pub mod arguments;
mod cluster;
mod debug;
mod doors;
mod findings;
mod follow;
mod identity;
mod jwks;
mod metrics;
mod opening;
mod reporter;
mod run;
mod subjects;

pub use run::{rotate, run};
