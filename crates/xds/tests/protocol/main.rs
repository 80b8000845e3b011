//! The protocol of one stream, step by step.

mod client;
mod delta;
mod hostile;
mod interleaving;
mod refusals;
mod regressions;
mod sotw;
mod world;
