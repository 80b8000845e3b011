//! Calls beside the aggregated streams: one message in, one message out. Whoever starts the
//! server says which there are.

mod exchange;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::peer::Peer;

pub(crate) use exchange::{Exchange, head, refuse};

/// The answer to a call, when it is there.
pub type Answer = Pin<Box<dyn Future<Output = Result<Bytes, Status>> + Send>>;

/// The calls that a server answers.
pub trait Calls: Send + Sync + 'static {
    /// Answers a call; `None` if there is no such method. What it returns is dropped when the
    /// client breaks off or [`Limits::call`](crate::Limits::call) has passed.
    fn call(&self, call: Call) -> Option<Answer>;
}

/// A call.
pub struct Call {
    /// The path: `/package.Service/Method`.
    pub path: String,
    /// The value of the header `authorization`. It is a secret: it must never be logged.
    pub authorization: Option<String>,
    /// Who calls.
    pub peer: Arc<Peer>,
    /// The message.
    pub body: Bytes,
}

/// The secret is left out.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            authorization: _,
            peer,
            body,
        } = self;
        f.debug_struct("Call")
            .field("path", path)
            .field("peer", &peer.address)
            .field("body", &body.len())
            .finish_non_exhaustive()
    }
}

/// Why a call has no answer, as gRPC has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// gRPC's status code, never 0.
    pub code: u8,
    /// The reason, for people.
    pub message: String,
}
