//! The compile loop: one task that owns acceptance, compiler and publisher.
//!
//! Whoever reads objects calls [`PlaneHandle::apply`] with batches of changes and is answered
//! when they are published. Streams connect and disconnect through the same handle. Whatever has
//! queued up is one batch: one compilation, one publication. Nothing is served before the first
//! batch has been applied, because an empty answer would take everything from a proxy that has
//! only lost its stream for a moment.

mod guard;
mod handle;
mod leases;
mod refusals;

use std::sync::Arc;
use std::time::Instant;

use ferromesh_compiler::acceptance::Acceptance;
use ferromesh_compiler::{Compiler, Proxy};
use ferromesh_mesh::diagnostic::Diagnostic;
use tokio::sync::{mpsc, oneshot};

use crate::hub::{Converged, Hub, StreamId};
use crate::publish::{Published, Publisher};

use guard::Guard;
pub use handle::{Applied, Change, PlaneHandle};
pub(crate) use handle::{Command, Standing};
use leases::Leases;
use refusals::Refusals;

/// How many commands are one batch at most.
const BATCH: usize = 4096;

/// See the [module](self).
pub struct Plane {
    acceptance: Acceptance,
    compiler: Compiler,
    publisher: Publisher,
    hub: Arc<Hub>,
    commands: mpsc::UnboundedReceiver<Command>,
    leases: Leases,
    refusals: Refusals,
    guard: Guard,
    /// Who came and went before anything was known.
    early: Vec<Command>,
    loaded: bool,
}

/// What has to be done at the end of a batch.
#[derive(Default)]
struct Due {
    compile: bool,
    since: Option<Instant>,
    answers: Vec<(oneshot::Sender<Applied>, usize, usize)>,
}

impl Plane {
    /// A loop with nothing in it. `converged` is called with the time from a change until a
    /// client has accepted all that came of it, once for each client and publication.
    pub fn new(converged: Converged) -> (Self, PlaneHandle) {
        let hub = Arc::new(Hub::new(converged));
        let (sender, commands) = mpsc::unbounded_channel();
        let plane = Self {
            acceptance: Acceptance::new(),
            compiler: Compiler::new(),
            publisher: Publisher::new(),
            hub: Arc::clone(&hub),
            commands,
            leases: Leases::default(),
            refusals: Refusals::default(),
            guard: Guard::default(),
            early: Vec::new(),
            loaded: false,
        };
        (plane, PlaneHandle::new(sender, hub))
    }

    /// Works until all handles are gone.
    pub async fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let expiry = self.leases.next_expiry();
            let sleep = tokio::time::sleep_until(expiry.unwrap_or_else(Instant::now).into());
            tokio::select! {
                count = self.commands.recv_many(&mut batch, BATCH) => if count == 0 { return },
                () = sleep, if expiry.is_some() => {}
            }
            self.step(&mut batch, Instant::now());
        }
    }

    fn step(&mut self, batch: &mut Vec<Command>, now: Instant) {
        let mut due = Due::default();
        let mut questions = Vec::new();
        for command in batch.drain(..) {
            match command {
                Command::Diagnostics(_) | Command::Inspect(_) => questions.push(command),
                command => self.take(command, &mut due, now),
            }
        }
        if self.loaded {
            for command in std::mem::take(&mut self.early) {
                self.take(command, &mut due, now);
            }
        }
        for (stream, denial) in self.guard.review(&self.compiler) {
            self.hub.deny(stream, denial);
        }
        for proxy in self.leases.expire(now) {
            self.compiler.close(proxy);
            due.compile = true;
        }
        if due.compile && self.loaded {
            self.publish(due, now);
        }
        for question in questions {
            self.answer(question);
        }
    }

    fn take(&mut self, command: Command, due: &mut Due, now: Instant) {
        match command {
            Command::Connect { .. } | Command::Disconnect { .. } if !self.loaded => {
                self.early.push(command);
            }
            Command::Apply {
                changes,
                since,
                done,
            } => {
                let count = changes.len();
                let in_force = changes
                    .into_iter()
                    .filter_map(|change| self.change(change))
                    .count();
                self.loaded = true;
                due.compile = true;
                due.since = Some(due.since.map_or(since, |known| known.min(since)));
                due.answers.push((done, count, in_force));
            }
            Command::Connect {
                stream,
                proxy,
                standing,
            } => match self
                .guard
                .admit(stream, &proxy.workload, standing, &self.compiler)
            {
                Ok(()) => self.connect(stream, proxy, due),
                Err(denial) => self.hub.deny(stream, denial),
            },
            Command::Disconnect { stream } => {
                self.guard.leave(stream);
                self.leases.leave(stream, now);
            }
            Command::Refused { client, refusal } => {
                if let Some(version) = refusal.version {
                    self.publisher.refuse(refusal.id, version, &client);
                    due.compile = true;
                }
                let Self {
                    acceptance,
                    compiler,
                    publisher,
                    refusals,
                    ..
                } = self;
                refusals.add(client, refusal, |refusal| {
                    let view = compiler.view(publisher.view(refusal.id)?)?;
                    crate::publish::origin(view, &refusal.error, acceptance)
                });
            }
            Command::Vouched { id, version } => {
                self.publisher.vouch(id, version);
                due.compile = true;
            }
            question @ (Command::Diagnostics(_) | Command::Inspect(_)) => self.answer(question),
        }
    }

    fn connect(&mut self, stream: StreamId, proxy: Proxy, due: &mut Due) {
        match self.leases.join(stream, &proxy) {
            leases::Joined::Known(audiences) => self.hub.assign(stream, audiences),
            leases::Joined::Waits => {}
            leases::Joined::New => {
                let id = self.compiler.open(proxy.clone());
                self.leases.open(stream, proxy, id);
                due.compile = true;
            }
        }
    }

    fn answer(&self, question: Command) {
        match question {
            // Nobody may be waiting any more.
            Command::Diagnostics(done) => drop(done.send(self.diagnostics())),
            Command::Inspect(read) => read(&self.acceptance, &self.compiler),
            Command::Apply { .. }
            | Command::Connect { .. }
            | Command::Disconnect { .. }
            | Command::Refused { .. }
            | Command::Vouched { .. } => {}
        }
    }

    /// `None` if the change has no effect.
    fn change(&mut self, change: Change) -> Option<()> {
        match change {
            Change::Replace(unit) => {
                let unit = self.acceptance.replace(unit)?;
                self.guard.changed(&unit.object);
                self.compiler.replace(unit);
            }
            Change::Remove(object) => {
                if !self.acceptance.remove(&object) {
                    return None;
                }
                self.guard.changed(&object);
                self.compiler.remove(&object);
            }
        }
        Some(())
    }

    fn publish(&mut self, due: Due, now: Instant) {
        let edits = self.compiler.compile();
        let compiled = Instant::now();
        let Published {
            publication,
            assigned,
        } = self.publisher.apply(edits);
        let assigned: Vec<_> = assigned
            .into_iter()
            .flat_map(|(proxy, audiences)| self.leases.assign(proxy, audiences))
            .collect();
        let names = publication
            .catalogs
            .iter()
            .map(|(_, changes)| changes.len());
        let resources = publication.changed.len() + names.sum::<usize>();
        let renamed = publication.catalogs.iter().flat_map(|(_, changes)| changes);
        for change in renamed {
            if let (Some((from, version)), Some(to)) = (change.before, change.after) {
                self.refusals.inherit(from, version, to);
            }
        }
        let serial = publication.snapshot.serial();
        let news = !publication.is_empty() || !assigned.is_empty() || !self.hub.is_ready();
        let streams = if news {
            self.hub
                .publish(publication, assigned, due.since.unwrap_or(now))
        } else {
            0
        };
        self.refusals
            .retain(|id, version| self.publisher.version(id) == Some(version));
        let (compile, publish) = (compiled - now, compiled.elapsed());
        for (done, changes, in_force) in due.answers {
            // Nobody may be waiting any more.
            let applied = Applied {
                changes,
                in_force,
                serial,
                resources,
                streams,
                compile,
                publish,
            };
            let _ = done.send(applied);
        }
    }

    fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut list: Vec<_> = self.acceptance.diagnostics().cloned().collect();
        list.extend(self.compiler.diagnostics());
        list.extend(self.refusals.diagnostics());
        list
    }
}
