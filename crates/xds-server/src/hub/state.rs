//! What is told to and about a stream.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use ferromesh_compiler::Proxy;
use ferromesh_xds::{AudienceId, PerType, Publication, Status, Variant};

use super::debt::Debt;
use crate::denial::Denial;
use crate::node::Client;
use crate::peer::Peer;

/// A stream, as long as it is open. The number is used again, the birth is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    pub(super) number: u32,
    pub(super) birth: u64,
}

/// What arrives in the mailbox of a stream.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    /// Something that it holds may have changed.
    Publication(Arc<Dispatch>),
    /// Its client belongs to these audiences from now on.
    Assign(Arc<[AudienceId]>, Arc<Dispatch>),
    /// Its client may not have anything (any more).
    Denied(Denial),
}

/// A publication on its way.
#[derive(Debug)]
pub(crate) struct Dispatch {
    pub(crate) publication: Publication,
    /// When the change was noticed.
    pub(crate) since: Instant,
}

/// What is told about a stream.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) client: Client,
    pub(crate) proxy: Proxy,
    pub(crate) variant: Variant,
    pub(crate) peer: Arc<Peer>,
    pub(crate) connected: SystemTime,
    pub(crate) status: Mutex<PerType<Status>>,
    pub(crate) debt: Mutex<Debt>,
}

impl Record {
    /// The client has answered all that came of the publications up to this one.
    pub(crate) fn settle(&self, serial: u64) {
        self.debt().settle(serial);
    }

    pub(super) fn debt(&self) -> MutexGuard<'_, Debt> {
        self.debt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream, for people and their tools.
#[derive(Clone, Debug)]
pub struct StreamState {
    /// The client.
    pub client: Client,
    /// What the client was reduced to.
    pub proxy: Proxy,
    /// The variant of the protocol.
    pub variant: Variant,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// Since when.
    pub connected: SystemTime,
    /// The audiences of the client; `None` before the first compilation.
    pub audiences: Option<Arc<[AudienceId]>>,
    /// Progress by type.
    pub status: PerType<Status>,
}
