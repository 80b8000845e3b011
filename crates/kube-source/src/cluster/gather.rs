//! All feeds together: what they tell becomes batches.

use std::collections::BTreeMap;
use std::hash::RandomState;
use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use tokio::task::{AbortHandle, JoinSet};

use super::discovery::{Discovery, Effect};
use super::feed::{Feed, FeedId, Means, News, Word};
use super::item::{Item, Name, Reader, Role};
use super::kinds::{CONFIG_MAP, DEFINITION, KINDS, Kind, NAMESPACE, Presence};
use super::request::Extent;
use super::shelf::Shelf;
use crate::batch::{Batch, Coverage, SourceFault};
use crate::mesh_config;
use crate::place::Within;

/// So many news are heard before a batch goes out, if it can.
const AT_ONCE: usize = 1_024;

/// Gathers what feeds tell.
pub(super) struct Gatherer {
    means: Means,
    state: RandomState,
    config_map: Extent,
    slots: Vec<Slot>,
    feeds: JoinSet<()>,
    last: FeedId,
    discovery: Discovery,
    /// All definitions, and which version of them that is.
    defined: BTreeMap<Box<str>, (String, i64)>,
    stage: Stage,
    /// All faults of the last batch.
    reported: Vec<SourceFault>,
}

/// How far the start has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Namespaces, mesh configuration and definitions come, which choose everything else.
    Ground,
    /// Everything else comes.
    Rest,
    /// Everything has been told once.
    Told,
}

/// Whether a kind is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    /// It is, as far as is known.
    Served,
    /// It is not, although it is defined.
    Absent,
}

/// A kind that is followed, or was.
struct Slot {
    kind: &'static Kind,
    role: Role,
    feed: FeedId,
    task: AbortHandle,
    /// Makes the feed start from the beginning.
    again: Arc<Notify>,
    service: Service,
    shelf: Shelf,
    /// What keeps the feed from following.
    trouble: Option<SourceFault>,
}

impl Gatherer {
    /// Nothing is known yet.
    pub fn new(means: Means, root_namespace: &str, config_map: Extent) -> Self {
        Self {
            means,
            state: RandomState::new(),
            config_map,
            slots: Vec::new(),
            feeds: JoinSet::new(),
            last: 0,
            discovery: Discovery::new(root_namespace),
            defined: BTreeMap::new(),
            stage: Stage::Ground,
            reported: Vec::new(),
        }
    }

    /// Gathers until nobody wants batches any more.
    pub async fn run(mut self, mut news: mpsc::Receiver<News>, batches: mpsc::Sender<Batch>) {
        self.start(&NAMESPACE, Role::Namespaces);
        self.start(&CONFIG_MAP, Role::MeshConfig);
        self.start(&DEFINITION, Role::Definitions);
        loop {
            tokio::select! {
                told = news.recv() => match told {
                    Some(told) => self.hear(told),
                    None => return,
                },
                ended = self.feeds.join_next(), if !self.feeds.is_empty() => {
                    // Whoever supervises this program has to start it again.
                    if ended.is_some_and(|ended| ended.is_err_and(|error| error.is_panic())) {
                        return;
                    }
                }
                permit = batches.reserve(), if self.is_due() => {
                    let Ok(permit) = permit else { return };
                    permit.send(self.batch());
                }
                () = batches.closed() => return,
            }
            for _ in 0..AT_ONCE {
                let Ok(told) = news.try_recv() else { break };
                self.hear(told);
            }
        }
    }

    /// Follows a kind, which may have been followed before.
    fn start(&mut self, kind: &'static Kind, role: Role) {
        self.last += 1;
        let reader = Reader {
            role,
            state: self.state.clone(),
        };
        let extent = match role {
            Role::MeshConfig => self.config_map.clone(),
            Role::Objects | Role::Namespaces | Role::Definitions => Extent::All,
        };
        let again = Arc::new(Notify::new());
        let means = (self.last, self.means.clone());
        let feed = Feed::new(means, reader, kind, extent, Arc::clone(&again));
        let task = self.feeds.spawn(feed.run());
        match self
            .slots
            .iter_mut()
            .find(|slot| std::ptr::eq(slot.kind, kind))
        {
            Some(slot) => {
                slot.task.abort();
                (slot.feed, slot.task, slot.again) = (self.last, task, again);
            }
            None => self.slots.push(Slot {
                kind,
                role,
                feed: self.last,
                task,
                again,
                service: Service::Served,
                shelf: Shelf::new(),
                trouble: None,
            }),
        }
    }

    fn hear(&mut self, News { feed, word }: News) {
        // Feeds that have been ended may have told something before.
        let Some(index) = self.slots.iter().position(|slot| slot.feed == feed) else {
            return;
        };
        let slot = &mut self.slots[index];
        match word {
            Word::Begin => {
                slot.service = Service::Served;
                slot.shelf.begin();
            }
            Word::Items(items) => {
                for item in items {
                    self.take(index, item);
                }
            }
            Word::Complete => {
                let gone = slot.shelf.complete();
                self.forget(index, &gone);
            }
            Word::Absent => {
                slot.service = Service::Absent;
                slot.shelf.begin();
                slot.shelf.complete();
            }
            Word::Trouble(fault) => slot.trouble = fault,
        }
        self.define(index);
        self.advance();
    }

    fn take(&mut self, index: usize, item: Item) {
        let slot = &mut self.slots[index];
        let effect = match (slot.role, &item) {
            (Role::Objects, Item::Put { name, .. } | Item::Broken(name, _))
                if !self.discovery.selects(name.parts().0) =>
            {
                slot.shelf.gone(name);
                return;
            }
            (Role::Namespaces, Item::Put { name, object, .. }) => {
                self.discovery.put(name.parts().1, &object.metadata.labels)
            }
            (Role::Namespaces, Item::Gone(name)) => self.discovery.remove(name.parts().1),
            (Role::MeshConfig, Item::Put { object, .. }) => self.discovery.configure(Some(object)),
            (Role::MeshConfig, Item::Gone(_)) => self.discovery.configure(None),
            _ => Effect::None,
        };
        slot.shelf.take(item);
        self.discover(effect);
    }

    /// Objects are gone that nobody has said to be gone.
    fn forget(&mut self, index: usize, gone: &[Name]) {
        for name in gone {
            let effect = match self.slots[index].role {
                Role::Namespaces => self.discovery.remove(name.parts().1),
                Role::MeshConfig => self.discovery.configure(None),
                Role::Objects | Role::Definitions => Effect::None,
            };
            self.discover(effect);
        }
    }

    /// Other namespaces than before are discovered.
    fn discover(&mut self, effect: Effect) {
        if effect == Effect::None {
            return;
        }
        for slot in &mut self.slots {
            if slot.role == Role::Objects {
                slot.shelf
                    .retain(|namespace| self.discovery.selects(namespace));
                if effect == Effect::More {
                    slot.again.notify_one();
                }
            }
        }
    }

    /// Follows kinds that are defined, and no others.
    fn define(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        if slot.role != Role::Definitions || !slot.shelf.has_news() {
            return;
        }
        let mut news = Batch::default();
        let nobody = Arc::from("");
        slot.shelf
            .tell((&nobody, &nobody), &Within::Whole, &mut news);
        for located in news.changed {
            let metadata = &located.object.metadata;
            let version = (metadata.uid.clone(), metadata.generation);
            let before = self
                .defined
                .insert((*metadata.name).into(), version.clone());
            if self.stage == Stage::Ground {
                continue;
            } else if before == Some(version) {
                self.wake(&metadata.name);
            } else {
                self.start_defined(&metadata.name);
            }
        }
        for key in news.removed {
            self.defined.remove(&*key.name);
            self.end(&key.name);
        }
    }

    fn start_defined(&mut self, name: &str) {
        let is_it = |kind: &&&Kind| kind.presence == Presence::Defined && kind.definition() == name;
        if let Some(kind) = KINDS.iter().find(is_it) {
            self.start(kind, Role::Objects);
        }
    }

    fn slot_of(&mut self, definition: &str) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| {
            slot.kind.presence == Presence::Defined && slot.kind.definition() == definition
        })
    }

    /// A definition may have taken effect.
    fn wake(&mut self, definition: &str) {
        if let Some(slot) = self.slot_of(definition)
            && slot.service == Service::Absent
        {
            slot.again.notify_one();
        }
    }

    /// A kind is not defined any more.
    fn end(&mut self, definition: &str) {
        if let Some(slot) = self.slot_of(definition) {
            slot.task.abort();
            slot.feed = 0;
            slot.trouble = None;
            slot.shelf.begin();
            slot.shelf.complete();
        }
    }

    fn advance(&mut self) {
        if self.stage != Stage::Ground || !self.is_complete() {
            return;
        }
        self.stage = Stage::Rest;
        for kind in KINDS
            .iter()
            .filter(|kind| kind.presence == Presence::BuiltIn)
        {
            self.start(kind, Role::Objects);
        }
        let defined: Vec<_> = self.defined.keys().cloned().collect();
        for name in defined {
            self.start_defined(&name);
        }
    }

    fn is_complete(&self) -> bool {
        let mut slots = self.slots.iter();
        slots.all(|slot| slot.shelf.coverage == Coverage::Complete)
    }

    fn faults(&self) -> Vec<SourceFault> {
        let of_slots = self.slots.iter();
        let of_slots = of_slots.flat_map(|slot| slot.trouble.iter().chain(slot.shelf.faults()));
        let mut faults: Vec<_> = of_slots.chain(&self.discovery.fault).cloned().collect();
        faults.sort();
        faults.dedup();
        faults
    }

    /// Whether there is something to tell.
    fn is_due(&self) -> bool {
        let has_news = match self.stage {
            Stage::Ground => false,
            Stage::Rest => self.is_complete(),
            Stage::Told => {
                let mut slots = self.slots.iter();
                slots.any(|slot| slot.role != Role::Definitions && slot.shelf.has_news())
            }
        };
        has_news || self.faults() != self.reported
    }

    fn batch(&mut self) -> Batch {
        if self.stage == Stage::Rest && self.is_complete() {
            self.stage = Stage::Told;
        }
        self.reported = self.faults();
        let mut batch = Batch {
            changed: Vec::new(),
            moved: Vec::new(),
            removed: Vec::new(),
            faults: self.reported.clone(),
            coverage: Coverage::Partial,
        };
        if self.stage != Stage::Told {
            return batch;
        }
        batch.coverage = Coverage::Complete;
        for slot in &mut self.slots {
            let within = match slot.role {
                Role::Objects | Role::Namespaces => Within::Whole,
                Role::MeshConfig => Within::Text(Arc::from(mesh_config::FIELD)),
                Role::Definitions => continue,
            };
            let (group, kind) = slot.role.handed_over(slot.kind.group, slot.kind.kind);
            let names = (&Arc::from(group), &Arc::from(kind));
            slot.shelf.tell(names, &within, &mut batch);
        }
        batch
    }
}
