//! The xDS protocol as a step function: no sockets, no clock, no tokio.
//!
//! A [`Snapshot`] says what every audience may hold; a [`Session`] is one aggregated stream of one
//! client, in the delta or in the state-of-the-world variant. The owner of a stream feeds it
//! requests and changes, and asks for the next frame whenever its transport has room. Nothing is
//! ever queued as bytes: what is unsent is a set of [`ResourceId`]s, and a frame is encoded from
//! the newest snapshot out of pieces that all streams share.
//!
//! What this crate deliberately does not know: what a cluster or a route *is* (resources are
//! opaque bytes with a name), who a client is (it is told an [`AudienceId`]), and how bytes travel.
//!
//! Reading order: [`resource`], [`snapshot`], [`wire`], [`session`], then its parts as it lists them.

pub mod frame;
pub mod id_set;
pub mod resource;
pub mod session;
pub mod snapshot;
pub mod wire;

pub use frame::Frame;
pub use id_set::IdSet;
pub use resource::{AudienceId, PerType, Resource, ResourceId, ResourceType, Version};
pub use session::{Event, Interest, Note, Refusal, Reject, Scope, Session, Status, Variant};
pub use snapshot::{
    Catalog, CatalogChange, Change, Contest, Contested, Publication, Snapshot, SnapshotBuilder,
};
pub use wire::Request;
