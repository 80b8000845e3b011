//! A stream whose client is known.

use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use ferromesh_xds::{
    AudienceId, Event, Frame, Interest, Note, Request, ResourceType, Scope, Session, Snapshot,
};
use tokio::sync::mpsc::UnboundedReceiver;

use super::Tie;
use super::end::End;
use crate::counters::add;
use crate::denial::Denial;
use crate::hub::{Delivery, Record};

/// The session of a stream and its ties to the others.
pub(super) struct Open {
    tie: Tie,
    mailbox: UnboundedReceiver<Delivery>,
    pub(super) record: Arc<Record>,
    name: Arc<str>,
    pub(super) session: Session,
    /// The newest publication that the session knows.
    told: u64,
    /// When the oldest change was noticed that the client has not accepted.
    since: Option<Instant>,
    /// The client may not have anything any more.
    denied: Option<Denial>,
}

impl Open {
    pub(super) fn new(
        tie: Tie,
        mailbox: UnboundedReceiver<Delivery>,
        record: Arc<Record>,
        audiences: Arc<[AudienceId]>,
        snapshot: &Arc<Snapshot>,
    ) -> Self {
        let name = record.client.name();
        let mut session = Session::new(record.variant, Arc::clone(&name), Arc::clone(snapshot));
        session.assign(audiences, snapshot);
        Self {
            tie,
            mailbox,
            record,
            name,
            session,
            told: snapshot.serial(),
            since: None,
            denied: None,
        }
    }

    /// Takes what is in the mailbox.
    pub(super) fn receive(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let mut any = false;
        loop {
            match self.mailbox.poll_recv(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => return Err(End::Drain),
                Poll::Ready(Some(delivery)) => self.take(delivery),
            }
            any = true;
        }
        if any {
            self.settle();
            if self.is_settled() {
                self.record.settle(self.told);
            }
        }
        self.may_go_on()
    }

    fn may_go_on(&mut self) -> Result<(), End> {
        self.denied
            .take()
            .map_or(Ok(()), |denial| Err(End::Denied(denial)))
    }

    fn take(&mut self, delivery: Delivery) {
        let dispatch = match delivery {
            Delivery::Denied(denial) => {
                self.denied = Some(denial);
                return;
            }
            Delivery::Publication(dispatch) => dispatch,
            Delivery::Assign(audiences, dispatch) => {
                self.session
                    .assign(audiences, &dispatch.publication.snapshot);
                dispatch
            }
        };
        self.session.publish(&dispatch.publication);
        self.told = self.told.max(dispatch.publication.snapshot.serial());
        if self.session.has_news() {
            self.since.get_or_insert(dispatch.since);
        }
    }

    /// Takes a request. The stream is registered for everything that the request may be about
    /// before its names are looked up, so that no change slips through in between.
    pub(super) fn request(&mut self, request: &Request, now: Instant) -> Result<(), End> {
        let asked = ResourceType::from_type_url(&request.type_url);
        let ty = asked.filter(|ty| {
            let scope = self.session.scope(*ty);
            scope == Scope::Nothing || scope == Scope::Names && !request.subscribe.is_empty()
        });
        if let Some(ty) = ty {
            let snapshot = self
                .tie
                .plane
                .hub()
                .rescope(self.tie.id, ty, Scope::Everything);
            self.drain();
            self.session.advance(&snapshot);
        }
        let taken = self.session.request(request, now);
        if let Some(ty) = asked {
            self.note(ty);
        }
        if let Some(ty) = ty {
            let scope = self.session.scope(ty);
            if scope != Scope::Everything {
                self.tie.plane.hub().rescope(self.tie.id, ty, scope);
            }
        }
        self.settle();
        self.converge(now);
        self.may_go_on()?;
        taken.map_err(End::Rejected)
    }

    fn is_settled(&self) -> bool {
        self.session.is_answered() && !self.session.has_news()
    }

    /// Notes that the client has answered everything, if it has.
    fn converge(&mut self, now: Instant) {
        if !self.is_settled() {
            return;
        }
        self.record.settle(self.told);
        if let Some(since) = self.since.take() {
            let time = now.saturating_duration_since(since);
            self.tie.plane.hub().converged(time);
        }
    }

    /// The next response.
    pub(super) fn next_frame(&mut self, now: Instant) -> Option<Frame> {
        let frame = self.session.next_frame(now);
        if let Some(frame) = &frame {
            let counters = &self.tie.plane.hub().counters;
            add(counters.pushes.get(frame.ty), 1);
            add(
                counters.bytes.get(frame.ty),
                bytes::Buf::remaining(frame) as u64,
            );
            add(counters.resources.get(frame.ty), frame.resources as u64);
            self.note(frame.ty);
        }
        self.report();
        frame
    }

    /// Tells the others what changed here. Whatever was published before they knew is in the
    /// mailbox or in the snapshot, and both are taken before anything is sent.
    fn settle(&mut self) {
        loop {
            let names = self.session.take_interest();
            if names.added.is_empty() && names.dropped.is_empty() {
                break;
            }
            let snapshot = self.tie.plane.hub().rename(self.tie.id, &names);
            self.session.recheck(&snapshot, &names.added);
            self.drain();
        }
        self.report();
    }

    fn drain(&mut self) {
        while let Ok(delivery) = self.mailbox.try_recv() {
            self.take(delivery);
        }
    }

    fn report(&mut self) {
        for event in self.session.take_events() {
            match event {
                Event::Refused(refusal) => {
                    let ty = refusal.ty;
                    tracing::warn!(
                        client = %self.record.client,
                        r#type = refusal.ty.short(),
                        resource = %refusal.name,
                        error = %refusal.error,
                        "a proxy refused a resource"
                    );
                    // Whoever has seen the count finds the remark.
                    self.tie.plane.refused(&self.name, refusal);
                    add(self.tie.plane.hub().counters.refusals.get(ty), 1);
                }
                Event::Vouched { id, version } => self.tie.plane.vouched(id, version),
                Event::Note(Note::Unwarmed { cluster }) => tracing::warn!(
                    client = %self.record.client,
                    %cluster,
                    "routes were sent before the proxy asked for the endpoints of a cluster"
                ),
                Event::Note(Note::UnknownType { type_url }) => {
                    tracing::debug!(client = %self.record.client, %type_url, "a proxy asked for an unknown type");
                }
            }
        }
    }

    fn note(&self, ty: ResourceType) {
        let mut status = self
            .record
            .status
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        status.get_mut(ty).clone_from(self.session.status(ty));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let names = Interest {
            added: Vec::new(),
            dropped: self.session.named().collect(),
        };
        self.tie.plane.hub().rename(self.tie.id, &names);
    }
}
