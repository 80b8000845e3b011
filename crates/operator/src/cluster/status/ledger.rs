//! What is written, and what is due.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ferromesh_dialects::report;
use ferromesh_dialects::report::{Force, Progress, State, Status};
use ferromesh_mesh::diagnostic::Diagnostic;
use ferromesh_mesh::origin::ObjectRef;
use tokio::time::{Duration, Instant};

use super::document::{Print, Seen, print};
use super::world::{Others, Refusal, Version, Word, World};
use crate::cluster::webhooks::entries::Revision;
use crate::subjects::{Objects, Stage, Subject};

/// So long nothing is said about proxies that have not answered yet: mostly they are about to,
/// and one write does for two.
const GRACE: Duration = Duration::from_millis(500);

/// How often one looks whether they have, within that time and after it.
const LOOKS: (Duration, Duration) = (Duration::from_millis(25), Duration::from_secs(1));

/// The status of an object is written no more often than this.
const PAUSE: Duration = Duration::from_secs(1);

/// What could not be written is tried again after this.
const RETRY: Duration = Duration::from_secs(5);

/// What statuses say, and said.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: BTreeMap<Arc<ObjectRef>, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    version: Version,
    /// Proxies have taken this version, once and for all.
    taken: Option<Progress>,
    written: Option<Print>,
    /// Nothing is written before.
    free: Option<Instant>,
}

/// A status that has to be written.
#[derive(Clone, Debug)]
pub struct Due {
    /// Of this object,
    pub object: Arc<ObjectRef>,
    /// read in this version of the API,
    pub api_version: Arc<str>,
    /// about this version of it.
    pub version: Version,
    /// It says this.
    pub status: Status,
    /// The same for statuses that say the same.
    pub print: Print,
}

/// What is due.
#[derive(Debug, Default)]
pub struct Round {
    /// Now.
    pub due: Vec<Due>,
    /// When there may be more, if nothing else happens.
    pub next: Option<Instant>,
    /// Versions of which the other replicas have to be asked first.
    pub questions: Vec<Version>,
}

impl Ledger {
    /// This stands there.
    pub fn learn(&mut self, object: Arc<ObjectRef>, version: Version, seen: Seen) {
        let Seen { print, taken } = seen;
        let taken = taken.filter(|(generation, _)| *generation == version.generation);
        let entry = Entry {
            version,
            taken: taken.map(|(_, progress)| progress),
            written: Some(print),
            free: None,
        };
        self.entries.insert(object, entry);
    }

    /// This stands there now, or nothing does.
    pub fn done(&mut self, due: &Due, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&due.object) {
            entry.written = Some(due.print);
            entry.free = Some(now + PAUSE);
        }
    }

    /// It could not be written. Others get their turn first.
    pub fn failed(&mut self, due: &Due, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&due.object) {
            entry.free = Some(now + RETRY);
        }
    }

    /// Compares what should stand there with what does.
    pub fn round(&mut self, objects: &Objects, revision: &Revision, world: &World<'_>) -> Round {
        let mut round = Round::default();
        self.entries
            .retain(|object, _| objects.contains_key(object));
        let mut remarks: HashMap<&ObjectRef, Vec<&Diagnostic>> = HashMap::new();
        for record in &world.found.records {
            if let Some(object) = &record.diagnostic.object {
                remarks.entry(object).or_default().push(&record.diagnostic);
            }
        }
        let refused = world.found.refused.iter();
        let refused: HashMap<&ObjectRef, bool> =
            refused.map(|(object, kept)| (&**object, *kept)).collect();
        for (object, subject) in objects {
            let Stage::Published { serial, epoch, at } = subject.stage else {
                continue;
            };
            // A report that knows an older version only says nothing about this one.
            if epoch > world.found.epoch || !revision.judges(subject.revision.as_deref()) {
                continue;
            }
            let remarks = remarks.get(&**object).map_or(&[][..], Vec::as_slice);
            let force = match refused.get(&**object) {
                None => Force::Newest,
                Some(true) => Force::Older,
                Some(false) => Force::SoundPart,
            };
            let entry = self.entries.entry(Arc::clone(object)).or_default();
            let facts = (force, remarks, (serial, at));
            round.add(object, subject, entry, facts, world);
        }
        round
    }
}

type Facts<'a> = (Force, &'a [&'a Diagnostic], (u64, Instant));

impl Round {
    fn add(
        &mut self,
        object: &Arc<ObjectRef>,
        subject: &Subject,
        entry: &mut Entry,
        (force, remarks, (serial, at)): Facts<'_>,
        world: &World<'_>,
    ) {
        entry.turn_to(subject);
        // Whether proxies have a version that does not count is of no interest.
        let standing = match force {
            Force::Newest => entry.standing(serial, world),
            Force::Older | Force::SoundPart => Standing::Decided(Progress::Pending),
        };
        let (progress, refusal) = match standing {
            Standing::Asked => return self.questions.push(entry.version.clone()),
            Standing::Decided(progress) => (progress, None),
            Standing::Refused(refusal) => {
                self.look(world.now + LOOKS.1);
                (Progress::Pending, Some(refusal.remark(object)))
            }
        };
        if progress == Progress::Pending && force == Force::Newest && refusal.is_none() {
            let is_early = world.now < at + GRACE;
            let (often, seldom) = LOOKS;
            self.look(world.now + if is_early { often } else { seldom });
            if is_early {
                return;
            }
        }
        let state = State {
            generation: subject.generation,
            force,
            progress,
        };
        let remarks: Vec<_> = remarks.iter().copied().chain(&refusal).collect();
        let status = report(&object.group, &object.kind, state, &remarks);
        let print = print(&status);
        if entry.written == Some(print) {
            return;
        }
        if let Some(free) = entry.free.filter(|free| *free > world.now) {
            return self.look(free);
        }
        self.due.push(Due {
            object: Arc::clone(object),
            api_version: Arc::clone(&subject.api_version),
            version: entry.version.clone(),
            status,
            print,
        });
    }

    fn look(&mut self, at: Instant) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}

impl Entry {
    /// Forgets what was about another version.
    fn turn_to(&mut self, subject: &Subject) {
        if self.version.uid != subject.uid {
            self.written = None;
        }
        if self.version.uid != subject.uid || self.version.generation != subject.generation {
            self.taken = None;
        }
        self.version = Version {
            uid: Arc::clone(&subject.uid),
            generation: subject.generation,
        };
    }

    fn standing<'w>(&mut self, serial: u64, world: &World<'w>) -> Standing<'w> {
        if let Some(taken) = self.taken {
            return Standing::Decided(taken);
        }
        let own = world.progress(serial);
        if own == Progress::Pending {
            return Standing::Decided(own);
        }
        let taken = match world.others {
            Others::Unasked => return Standing::Asked,
            Others::Nobody => own,
            Others::Words(words) => match words.get(&self.version) {
                None | Some(Word::Pending) => return Standing::Decided(Progress::Pending),
                Some(Word::Refused(refusal)) => return Standing::Refused(refusal),
                Some(Word::Taken) => Progress::Taken,
                Some(Word::NoProxies) => own,
            },
        };
        Standing::Decided(*self.taken.insert(taken))
    }
}

/// How far a version has come at all replicas.
enum Standing<'w> {
    /// So far.
    Decided(Progress),
    /// The others have to be asked.
    Asked,
    /// A proxy of another replica has refused it.
    Refused(&'w Refusal),
}

#[cfg(test)]
mod tests;
