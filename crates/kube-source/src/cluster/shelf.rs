//! What has been told of one kind's objects: names and fingerprints, never the objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_api::{Key, Object};

use super::item::{Item, Name};
use crate::batch::{Batch, Coverage, Located, SourceFault};
use crate::place::{Home, Place, Within};

/// The objects of one kind.
#[derive(Debug)]
pub(super) struct Shelf {
    entries: BTreeMap<Name, Entry>,
    /// What is to be told.
    pending: BTreeMap<Name, Pending>,
    /// Objects that are not readable, and when that was last seen.
    broken: BTreeMap<Name, (Round, Box<SourceFault>)>,
    round: Round,
    /// Whether all objects have come once: nothing is told before.
    pub coverage: Coverage,
}

/// Counts how often all objects have come.
type Round = u32;

#[derive(Debug)]
struct Entry {
    /// The fingerprint of what was told.
    told: Option<u64>,
    /// When it was last seen.
    round: Round,
}

#[derive(Debug)]
enum Pending {
    Put(Arc<Object>, u64),
    Gone,
}

impl Shelf {
    /// No objects are known yet.
    pub fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            pending: BTreeMap::new(),
            broken: BTreeMap::new(),
            round: 0,
            coverage: Coverage::Partial,
        }
    }

    /// From here on all objects come.
    pub fn begin(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// What there is, or has changed.
    pub fn take(&mut self, item: Item) {
        match item {
            Item::Put {
                name,
                object,
                print,
            } => self.put(name, object, print),
            Item::Gone(name) => self.gone(&name),
            Item::Broken(name, fault) => {
                // What it said last stays in force.
                if let Some(entry) = self.entries.get_mut(&name) {
                    entry.round = self.round;
                }
                self.broken.insert(name, (self.round, fault));
            }
        }
    }

    fn put(&mut self, name: Name, object: Arc<Object>, print: u64) {
        self.broken.remove(&name);
        let round = self.round;
        let entry = self
            .entries
            .entry(name.clone())
            .or_insert(Entry { told: None, round });
        entry.round = round;
        if entry.told == Some(print) {
            self.pending.remove(&name);
        } else {
            self.pending.insert(name, Pending::Put(object, print));
        }
    }

    /// An object is gone.
    pub fn gone(&mut self, name: &Name) {
        self.broken.remove(name);
        match self.entries.get(name).map(|entry| entry.told) {
            None => {}
            Some(None) => {
                self.entries.remove(name);
                self.pending.remove(name);
            }
            Some(Some(_)) => {
                self.pending.insert(name.clone(), Pending::Gone);
            }
        }
    }

    /// All objects have come: the names of those that have not, and therefore are gone.
    pub fn complete(&mut self) -> Vec<Name> {
        let round = self.round;
        self.coverage = Coverage::Complete;
        self.broken.retain(|_, (seen, _)| *seen == round);
        self.remove_all(|_, seen| seen != round)
    }

    /// Objects of other namespaces are gone.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.broken.retain(|name, _| keep(name.parts().0));
        self.remove_all(|name, _| !keep(name.parts().0));
    }

    fn remove_all(&mut self, is_gone: impl Fn(&Name, Round) -> bool) -> Vec<Name> {
        let entries = self.entries.iter();
        let gone: Vec<_> = entries
            .filter(|(name, entry)| is_gone(name, entry.round))
            .map(|(name, _)| name.clone())
            .collect();
        for name in &gone {
            self.gone(name);
        }
        gone
    }

    /// Whether there is something to tell.
    pub fn has_news(&self) -> bool {
        self.coverage == Coverage::Complete && !self.pending.is_empty()
    }

    /// What is wrong with objects.
    pub fn faults(&self) -> impl Iterator<Item = &SourceFault> {
        self.broken.values().map(|(_, fault)| &**fault)
    }

    /// Tells what is to be told.
    pub fn tell(
        &mut self,
        (group, kind): (&Arc<str>, &Arc<str>),
        within: &Within,
        batch: &mut Batch,
    ) {
        if self.coverage == Coverage::Partial {
            return;
        }
        for (name, pending) in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Put(object, print) => {
                    if let Some(entry) = self.entries.get_mut(&name) {
                        entry.told = Some(print);
                    }
                    let home = Home::ApiServer;
                    let within = within.clone();
                    batch.changed.push(Located {
                        object,
                        place: Place { home, within },
                    });
                }
                Pending::Gone => {
                    self.entries.remove(&name);
                    let (namespace, name) = name.parts();
                    batch.removed.push(Key {
                        group: group.clone(),
                        kind: kind.clone(),
                        namespace: Arc::from(namespace),
                        name: Arc::from(name),
                    });
                }
            }
        }
    }
}
