//! Envoy's secrets: the certificate and key, who is trusted, and what files hold, by the secret discovery service on a Unix
//! socket.
//!
//! The socket has an abstract name that nobody can guess, so that no file is left behind, and of whoever connects the kernel
//! says which process it is: only the Envoy that the agent has started is answered. A secret that isn't there yet is answered when
//! it comes; until then Envoy opens no port that needs it.
//!
//! Reading order: [`secret`], [`store`], [`files`], [`guest`], [`server`].

pub mod files;
pub mod guest;
pub mod secret;
pub mod server;
pub mod store;
