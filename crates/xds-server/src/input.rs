//! Request messages out of the bytes of a stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use ferromesh_xds::frame::PREFIX;
use h2::RecvStream;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// Messages above this size need a permit. Envoy's first message, with 61 KB of extensions, does
/// not.
const LARGE: usize = 80 << 10;

/// Why a message cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is longer than allowed.
    Oversize,
    /// It is compressed, which was not offered.
    Compressed,
    /// It does not arrive.
    Late,
    /// The client has broken off.
    Broken,
}

type Permit = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// The reading half of a stream.
///
/// Nothing is read before it is needed, and at most one message is held. A large one is read only
/// while it holds one of a few permits; until then the client's window stays closed, and what has
/// arrived in it lies in one piece.
pub(crate) struct Input {
    body: RecvStream,
    buffer: BytesMut,
    /// How much of what was taken from the transport still counts against the client's window.
    unreleased: usize,
    limit: usize,
    patience: Duration,
    permits: Arc<Semaphore>,
    waiting: Option<Permit>,
    permit: Option<OwnedSemaphorePermit>,
    /// Until when the message that has begun must be complete.
    due: Option<Instant>,
}

impl Input {
    pub(crate) fn new(
        body: RecvStream,
        limit: usize,
        permits: Arc<Semaphore>,
        patience: Duration,
    ) -> Self {
        let buffer = BytesMut::new();
        Self {
            body,
            buffer,
            unreleased: 0,
            limit,
            patience,
            permits,
            waiting: None,
            permit: None,
            due: None,
        }
    }

    /// Until when something has to arrive.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Lets others read large messages. To be called when what the last one asked for has been
    /// dealt with.
    pub(crate) fn release(&mut self) {
        if self.waiting.is_none() && self.due.is_none() {
            self.permit = None;
        }
    }

    /// The next message without its prefix; `None` at the end.
    pub(crate) fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Option<Result<Bytes, Fault>>> {
        loop {
            match self.whole() {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(None) => {}
                Err(fault) => return Poll::Ready(Some(Err(fault))),
            }
            if self.due.is_some_and(|due| due <= now) {
                return Poll::Ready(Some(Err(Fault::Late)));
            }
            if self.poll_permit(cx, now).is_pending() {
                self.gather(cx);
                return Poll::Pending;
            }
            if !self.open_window() {
                return Poll::Ready(Some(Err(Fault::Broken)));
            }
            match ready!(self.body.poll_data(cx)) {
                None if self.buffer.is_empty() => return Poll::Ready(None),
                None | Some(Err(_)) => return Poll::Ready(Some(Err(Fault::Broken))),
                Some(Ok(chunk)) => {
                    self.unreleased += chunk.len();
                    if self.buffer.is_empty()
                        && let Some(message) = single(&chunk, self.limit)
                    {
                        return Poll::Ready(Some(Ok(message)));
                    }
                    self.buffer.extend_from_slice(&chunk);
                }
            }
        }
    }

    /// Takes over what has arrived, although it is not needed yet, and does not let the client
    /// send more. Left with the transport, every piece would keep a whole read buffer alive.
    pub(crate) fn gather(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(Ok(chunk))) = self.body.poll_data(cx) {
            self.unreleased += chunk.len();
            self.buffer.extend_from_slice(&chunk);
        }
    }

    /// Lets the client send as much again as was taken; false if the stream has broken.
    fn open_window(&mut self) -> bool {
        let released = std::mem::take(&mut self.unreleased);
        released == 0 || self.body.flow_control().release_capacity(released).is_ok()
    }

    /// The length of the message that has begun.
    fn announced(&self) -> Result<Option<usize>, Fault> {
        let Some([compressed, length @ ..]) = self.buffer.first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        match compressed {
            0 if length <= self.limit => Ok(Some(length)),
            0 => Err(Fault::Oversize),
            _ => Err(Fault::Compressed),
        }
    }

    fn whole(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(length) = self.announced()? else {
            return Ok(None);
        };
        if self.buffer.len() < PREFIX + length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        let message = self.buffer.split_to(length).freeze();
        if self.buffer.is_empty() {
            // Whatever it grew to goes with the message.
            self.buffer = BytesMut::new();
        }
        self.due = None;
        Ok(Some(message))
    }

    fn poll_permit(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let large = matches!(self.announced(), Ok(Some(length)) if length > LARGE);
        if !large || self.permit.is_some() {
            return Poll::Ready(());
        }
        let permits = &self.permits;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(Arc::clone(permits).acquire_owned()));
        // The semaphore is never closed.
        self.permit = ready!(waiting.as_mut().poll(cx)).ok();
        self.waiting = None;
        self.due = Some(now + self.patience);
        Poll::Ready(())
    }
}

/// The message, if the chunk is exactly one: then nothing has to be copied.
fn single(chunk: &Bytes, limit: usize) -> Option<Bytes> {
    let [0, length @ ..] = chunk.first_chunk::<PREFIX>()? else {
        return None;
    };
    let length = u32::from_be_bytes(*length) as usize;
    (length <= limit && chunk.len() == PREFIX + length).then(|| chunk.slice(PREFIX..))
}
