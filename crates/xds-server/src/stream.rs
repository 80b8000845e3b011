//! One aggregated stream: a session, its mailbox, and its two halves of HTTP/2.

mod end;
mod open;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use ferromesh_compiler::{Proxy, Tables};
use ferromesh_xds::{PerType, Request, Variant};
use h2::{RecvStream, SendStream};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::chunk::Chunk;
use crate::counters::add;
use crate::denial::Denial;
use crate::hub::{Debt, Delivery, Record, StreamId};
use crate::input::{Fault, Input};
use crate::node::{Client, NodeFault};
use crate::peer::{Peer, Proof};
use crate::plane::{PlaneHandle, Standing};
use crate::server::Shared;
use crate::status::status_trailers;
use end::End;
use open::Open;

/// How many requests are read before other streams get their turn.
const TURN: usize = 32;

/// While so many bytes of names wait to be told, a stream keeps its large message's permit, and
/// reads nothing as long as its client does not.
const BACKLOG: usize = 64 << 10;

enum State {
    /// Nobody knows who it is.
    Anonymous {
        until: Instant,
    },
    /// The compile loop has been asked; the first request waits.
    Introduced(Box<Introduced>),
    Open(Box<Open>),
}

struct Introduced {
    tie: Tie,
    mailbox: UnboundedReceiver<Delivery>,
    record: Arc<Record>,
    first: Request,
}

/// A stream's place in the hub and in the compile loop, as long as it lasts.
struct Tie {
    id: StreamId,
    plane: PlaneHandle,
}

impl Drop for Tie {
    fn drop(&mut self) {
        self.plane.hub().leave(self.id);
        self.plane.disconnect(self.id);
    }
}

/// One aggregated stream.
pub(crate) struct Ads {
    variant: Variant,
    input: Input,
    send: SendStream<Chunk>,
    peer: Arc<Peer>,
    shared: Arc<Shared>,
    state: State,
    /// Why it has to end, if it has to.
    closing: Option<End>,
    written: bool,
    /// Since when the client has not read anything although something waits.
    blocked: Option<Instant>,
}

impl Ads {
    pub(crate) fn new(
        variant: Variant,
        body: RecvStream,
        send: SendStream<Chunk>,
        peer: Arc<Peer>,
        shared: Arc<Shared>,
    ) -> Self {
        let limits = &shared.limits;
        let permits = Arc::clone(&shared.large_messages);
        let input = Input::new(body, limits.message, permits, limits.patience);
        let state = State::Anonymous {
            until: Instant::now() + limits.patience,
        };
        Self {
            variant,
            input,
            send,
            peer,
            shared,
            state,
            closing: None,
            written: true,
            blocked: None,
        }
    }

    /// The stream has to end.
    pub(crate) fn drain(&mut self) {
        self.closing = Some(End::Drain);
    }

    /// The client's certificate has expired.
    pub(crate) fn expire(&mut self) {
        self.closing = Some(End::Expired);
    }

    /// Whether something was written since the last call.
    pub(crate) fn take_written(&mut self) -> bool {
        std::mem::take(&mut self.written)
    }

    /// When the stream has to be polled although nothing happened.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let state = match &self.state {
            State::Anonymous { until } => Some(*until),
            State::Introduced(_) => None,
            State::Open(_) if self.blocked.is_some() => None,
            State::Open(open) => open.session.deadline(now),
        };
        let blocked = self.blocked.map(|since| since + self.shared.limits.stall);
        [state, blocked, self.input.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what can be done; ready when the stream has ended.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        match self.step(cx, now) {
            Ok(()) => Poll::Pending,
            Err(end) => {
                self.end(&end);
                Poll::Ready(())
            }
        }
    }

    fn step(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), End> {
        if let Some(end) = self.closing.take() {
            return Err(end);
        }
        if self.send.poll_reset(cx).is_ready() {
            return Err(End::Gone);
        }
        if let State::Introduced(_) = &self.state {
            self.await_audiences(cx, now)?;
        }
        if let State::Open(open) = &mut self.state {
            open.receive(cx)?;
        }
        self.read(cx, now)?;
        if let State::Anonymous { until } = &self.state
            && *until <= now
        {
            return Err(End::Silent);
        }
        self.write(cx, now)
    }

    /// Reads requests, as long as the stream wants any.
    fn read(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), End> {
        for turn in 0..TURN {
            match &mut self.state {
                State::Introduced(_) => {
                    self.input.gather(cx);
                    return Ok(());
                }
                State::Open(open) if open.session.backlog() > BACKLOG => {
                    // What can be told goes first. The rest may wait for the client's answers.
                    if turn > 0 || self.blocked.is_some() {
                        self.input.gather(cx);
                        if self.blocked.is_none() {
                            cx.waker().wake_by_ref();
                        }
                        return Ok(());
                    }
                }
                State::Open(_) => self.input.release(),
                State::Anonymous { .. } => {}
            }
            let message = match self.input.poll_message(cx, now) {
                Poll::Pending => return Ok(()),
                Poll::Ready(None) => return Err(End::Done),
                Poll::Ready(Some(Err(Fault::Broken))) => return Err(End::Gone),
                Poll::Ready(Some(Err(fault))) => return Err(End::Input(fault)),
                Poll::Ready(Some(Ok(message))) => message,
            };
            add(&self.shared.plane.hub().counters.requests, 1);
            let request = self.decode(message)?;
            match &mut self.state {
                State::Anonymous { .. } => {
                    self.introduce(request)?;
                    self.await_audiences(cx, now)?;
                }
                State::Open(open) => open.request(&request, now)?,
                State::Introduced(_) => {}
            }
        }
        // There may be more.
        cx.waker().wake_by_ref();
        Ok(())
    }

    fn decode(&self, message: Bytes) -> Result<Request, End> {
        let request = match self.variant {
            Variant::Delta => Request::decode_delta(&message),
            Variant::StateOfTheWorld => Request::decode_sotw(&message),
        };
        request.map_err(|_| End::Garbage)
    }

    /// Tells the compile loop who is there.
    fn introduce(&mut self, mut first: Request) -> Result<(), End> {
        let standing = self.standing()?;
        let node = first.node.take().ok_or(NodeFault::Id)?;
        let client = Client::parse(&node)?;
        let proxy = Proxy {
            workload: client.workload.clone(),
            interception: client.interception.clone(),
            certificates: client.certificates,
            tables: match self.variant {
                Variant::Delta => Tables::Separate,
                Variant::StateOfTheWorld => Tables::Inline,
            },
        };
        let record = Arc::new(Record {
            client,
            proxy: proxy.clone(),
            variant: self.variant,
            peer: Arc::clone(&self.peer),
            connected: SystemTime::now(),
            status: std::sync::Mutex::new(PerType::default()),
            debt: std::sync::Mutex::new(Debt::default()),
        });
        let plane = &self.shared.plane;
        let (id, mailbox) = plane.hub().join(Arc::clone(&record));
        let tie = Tie {
            id,
            plane: plane.clone(),
        };
        plane.connect(id, proxy, standing);
        tracing::debug!(client = %record.client, peer = %self.peer.address, variant = ?self.variant, "a proxy connected");
        self.state = State::Introduced(Box::new(Introduced {
            tie,
            mailbox,
            record,
            first,
        }));
        Ok(())
    }

    /// What the compile loop may compare with what it knows.
    fn standing(&self) -> Result<Standing, End> {
        match &self.peer.proof {
            Proof::Loopback => Ok(Standing::Loopback),
            Proof::Anonymous => Err(End::Denied(Denial::NoCertificate)),
            Proof::Certificate(verified) => Ok(Standing::Identity(verified.identity.clone())),
        }
    }

    /// Opens the session when the compile loop has said what the client may hold.
    fn await_audiences(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), End> {
        let State::Introduced(introduced) = &mut self.state else {
            return Ok(());
        };
        let (audiences, dispatch) = match introduced.mailbox.poll_recv(cx) {
            Poll::Pending => return Ok(()),
            Poll::Ready(None) => return Err(End::Drain),
            Poll::Ready(Some(Delivery::Denied(denial))) => return Err(End::Denied(denial)),
            Poll::Ready(Some(Delivery::Publication(_))) => {
                cx.waker().wake_by_ref();
                return Ok(());
            }
            Poll::Ready(Some(Delivery::Assign(audiences, dispatch))) => (audiences, dispatch),
        };
        let until = State::Anonymous { until: now };
        if let State::Introduced(introduced) = std::mem::replace(&mut self.state, until) {
            let Introduced {
                tie,
                mailbox,
                record,
                first,
            } = *introduced;
            let snapshot = &dispatch.publication.snapshot;
            let mut open = Open::new(tie, mailbox, record, audiences, snapshot);
            let taken = open.request(&first, now);
            self.state = State::Open(Box::new(open));
            taken?;
        }
        Ok(())
    }

    /// Writes responses, as long as the client takes them.
    fn write(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), End> {
        let State::Open(open) = &mut self.state else {
            return Ok(());
        };
        while open.session.has_news() {
            self.send.reserve_capacity(1);
            if self.send.capacity() == 0 {
                match self.send.poll_capacity(cx) {
                    Poll::Ready(Some(Ok(_))) => continue,
                    Poll::Ready(Some(Err(_)) | None) => return Err(End::Gone),
                    Poll::Pending => return self.wait(now),
                }
            }
            // The client takes more, for which its requests may have waited.
            self.written |= self.blocked.take().is_some();
            let Some(frame) = open.next_frame(now) else {
                return Ok(());
            };
            self.written = true;
            if self.send.send_data(Chunk::Frame(frame), false).is_err() {
                return Err(End::Gone);
            }
        }
        self.written |= self.blocked.take().is_some();
        Ok(())
    }

    /// The client does not take any more at present.
    fn wait(&mut self, now: Instant) -> Result<(), End> {
        let since = *self.blocked.get_or_insert(now);
        if now >= since + self.shared.limits.stall {
            Err(End::Stalled)
        } else {
            Ok(())
        }
    }

    fn end(&mut self, end: &End) {
        let counters = &self.shared.plane.hub().counters;
        let client = match &self.state {
            State::Anonymous { .. } => None,
            State::Introduced(introduced) => Some(&introduced.record.client),
            State::Open(open) => Some(&open.record.client),
        };
        let client = client.map_or("unknown", |client| client.id.as_ref());
        let peer = self.peer.address;
        if let End::Denied(denial) = end {
            add(counters.denied(denial.reason()), 1);
        }
        if end.is_offence() {
            add(&counters.offences, 1);
            tracing::warn!(client, %peer, reason = %end, "a stream was closed");
        } else {
            tracing::debug!(client, %peer, reason = %end, "a stream ended");
        }
        match end {
            End::Stalled => {
                add(&counters.stalled, 1);
                self.send.send_reset(h2::Reason::CANCEL);
            }
            // Whoever is gone needs no answer, and whoever is not gets it.
            _ => drop(
                self.send
                    .send_trailers(status_trailers(end.status(), &end.to_string())),
            ),
        }
    }
}
