//! Who gets what over TLS: each way of not being the workload that one claims to be.

#[path = "identity/certificates.rs"]
mod certificates;
#[path = "identity/client.rs"]
mod client;
#[path = "identity/server.rs"]
mod server;

#[path = "identity/calls.rs"]
mod calls;
#[path = "identity/handshakes.rs"]
mod handshakes;
#[path = "identity/streams.rs"]
mod streams;
