//! How streams end.

use ferromesh_xds::Reject;

use crate::denial::{Denial, Reason};
use crate::input::Fault;
use crate::node::NodeFault;

/// Why a stream ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum End {
    /// The client has said all that it has to say.
    #[error("the client has ended")]
    Done,
    /// The client is gone.
    #[error("the client is gone")]
    Gone,
    /// The control plane shuts down.
    #[error("the control plane is shutting down")]
    Drain,
    /// The client does not read.
    #[error("nothing was read for too long")]
    Stalled,
    /// The client does not say who it is.
    #[error("no request with a node arrived in time")]
    Silent,
    /// The node cannot be served.
    #[error("{0}")]
    Node(#[from] NodeFault),
    /// The request is no such message.
    #[error("a request cannot be read")]
    Garbage,
    /// The request cannot be had.
    #[error("a request is longer than allowed, compressed, or does not arrive")]
    Input(Fault),
    /// The session is not worth its cost.
    #[error("more names without a resource than anybody needs")]
    Rejected(Reject),
    /// The client may not have what it asks for.
    #[error("{0}")]
    Denied(Denial),
    /// The client's certificate has expired.
    #[error("the client certificate has expired (a new connection shows the new one)")]
    Expired,
}

impl End {
    /// gRPC's status code.
    pub(super) fn status(&self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Gone => 1,
            Self::Node(_) | Self::Garbage => 3,
            Self::Silent | Self::Stalled => 4,
            Self::Input(Fault::Compressed) => 12,
            Self::Input(_) | Self::Rejected(_) => 8,
            Self::Drain => 14,
            Self::Denied(denial) => denial.status(),
            Self::Expired => 16,
        }
    }

    pub(super) fn is_offence(&self) -> bool {
        match self {
            Self::Done | Self::Gone | Self::Drain | Self::Stalled | Self::Expired => false,
            // The source may lag behind, and a workload that goes takes its proxy with it.
            Self::Denied(denial) => !matches!(
                denial.reason(),
                Reason::UnknownWorkload | Reason::WorkloadGone
            ),
            Self::Silent | Self::Node(_) | Self::Garbage | Self::Input(_) | Self::Rejected(_) => {
                true
            }
        }
    }
}
