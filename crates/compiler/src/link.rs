//! Names become identities: which service, routes and policies a client means, and therefore
//! which views it gets under which keys.
//!
//! [`facts`] gathers what is known about a host, for all scopes alike, by asking questions.
//! [`plan`] turns the facts into a scope's plan, purely, without asking anything: so a change
//! that leaves the facts equal stops there.

pub(crate) mod attributes;
pub(crate) mod balancing;
pub(crate) mod claims;
pub(crate) mod domains;
pub(crate) mod facts;
pub(crate) mod inbound;
pub(crate) mod keys;
pub(crate) mod mtls;
pub(crate) mod plan;
pub(crate) mod policies;
pub(crate) mod ports;
pub(crate) mod preference;
pub(crate) mod proxies;
pub(crate) mod scope;
pub(crate) mod security;
