//! What Ferromesh's programs share: arguments, logs, the signals that end a program, the announcement of addresses that
//! were chosen at the start, the one line with which a program fails, and a gRPC call on a connection that is there.
//!
//! It knows nothing of the mesh, of Kubernetes or of Envoy, and opens no connection of its own.
//!
//! Reading order: [`arguments`], [`log`], [`failure`], [`listen`], [`announce`], [`shutdown`], [`leash`], [`grpc`], [`version`].

pub mod announce;
pub mod arguments;
pub mod failure;
pub mod grpc;
pub mod leash;
pub mod listen;
pub mod log;
pub mod shutdown;
pub mod version;

pub use failure::Failure;
pub use shutdown::Shutdown;
