//! Where objects come from: a directory of YAML, read once ([`directory::load`]) or watched
//! ([`directory::Watch`]), or an API server ([`cluster::Watch`]): ordered, deduplicated batches of
//! changes. A broken file or object is a fault in a batch, never a dead watch.
//!
//! What this crate deliberately does not know: what any kind means. It hands over
//! [`ferromesh_api::Object`]s with their place, and finds the line of a field when asked.
//!
//! Reading order: [`yaml`] (text into values), [`place`], [`batch`], [`mesh_config`],
//! [`directory`], [`cluster`], [`Source`].

pub mod batch;
pub mod cluster;
pub mod directory;
pub mod mesh_config;
mod object;
pub mod place;
pub mod report;
mod source;

pub use ferromesh_yaml as yaml;

pub use source::Source;
