//! Identities: who is whom on each connection, with real Envoys and certificates of the real authority. Asserted is what
//! clients and applications see, and what passes on the wire.

#[path = "identity/authority.rs"]
mod authority;
#[path = "identity/automatic.rs"]
mod automatic;
#[path = "identity/domains.rs"]
mod domains;
#[path = "identity/modes.rs"]
mod modes;
#[path = "identity/origination.rs"]
mod origination;
#[path = "identity/parameters.rs"]
mod parameters;
#[path = "identity/rotation.rs"]
mod rotation;
#[path = "identity/rpc.rs"]
mod rpc;
#[path = "identity/streams.rs"]
mod streams;
#[path = "identity/world.rs"]
mod world;
#[path = "identity/zero_trust.rs"]
mod zero_trust;
