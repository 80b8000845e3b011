//! Kubernetes resource types as users write them.
//!
//! An [`object::Object`] is any document with its metadata taken out and its content as JSON;
//! [`read::read`] turns the content into one of the typed structs of [`istio`] (Kubernetes' own
//! kinds are those of `k8s-openapi`), and says which fields it does not know.
//!
//! What this crate deliberately does not know: what anything means. Validation beyond types, and
//! lowering, are the dialects' work.
//!
//! Reading order: [`object`], [`read`], [`mod@advice`], [`fields`], [`part`], [`mod@scope`],
//! [`timestamp`], [`duration`], [`istio`], [`crd`].

pub mod advice;
pub mod crd;
pub mod duration;
pub mod fields;
pub mod istio;
pub mod object;
pub mod part;
pub mod read;
pub mod scope;
mod strict;
pub mod timestamp;

pub use object::{Key, Metadata, Object};
pub use scope::{Scope, scope};
