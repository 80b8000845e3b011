//! Envoy's secrets: the certificate and key, who is trusted, and what files hold, by the secret discovery service on a Unix
//! socket.
//!
//! The socket has an abstract name that nobody can guess, so that no file is left behind, and whoever connects is asked for
//! its user by the kernel: only Envoy's, which is the agent's, is answered. A secret that isn't there yet is answered when
//! it comes; until then Envoy opens no port that needs it.
//!
//! Reading order: [`secret`], [`store`], [`files`], [`server`].

pub mod files;
pub mod secret;
pub mod server;
pub mod store;
