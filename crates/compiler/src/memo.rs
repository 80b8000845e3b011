//! The views that somebody holds, by key: built once, shared by all, dropped with the last
//! holder.

use std::collections::{BTreeSet, HashMap};

use ferromesh_mesh::view::View;

use crate::edit::ViewId;
use crate::link::keys::ViewKey;

/// All views that somebody holds.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    ids: HashMap<ViewKey, ViewId>,
    views: HashMap<ViewId, Held>,
    next: u64,
    fresh: BTreeSet<ViewId>,
    touched: BTreeSet<ViewId>,
}

#[derive(Debug)]
struct Held {
    key: ViewKey,
    content: Option<View>,
    /// Holders: audiences that list it, and tables that contain it.
    holders: usize,
    /// Audiences that list it.
    listed: usize,
    /// Whether the consumer of edits knows it, with its present content.
    told: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Outdated,
    Everything,
}

/// What became of a view that was touched.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It has to be told.
    Put(View),
    /// It is gone.
    Drop,
}

impl Memo {
    /// One more holder of a view.
    pub(crate) fn acquire(&mut self, key: &ViewKey) -> ViewId {
        let id = match self.ids.get(key) {
            Some(id) => *id,
            None => {
                let id = ViewId::new(self.next);
                self.next += 1;
                self.ids.insert(key.clone(), id);
                self.views.insert(
                    id,
                    Held {
                        key: key.clone(),
                        content: None,
                        holders: 0,
                        listed: 0,
                        told: Told::Nothing,
                    },
                );
                self.fresh.insert(id);
                id
            }
        };
        if let Some(held) = self.views.get_mut(&id) {
            held.holders += 1;
        }
        id
    }

    /// The view of a key, if somebody holds it.
    pub(crate) fn find(&self, key: &ViewKey) -> Option<ViewId> {
        self.ids.get(key).copied()
    }

    /// One holder less.
    pub(crate) fn release(&mut self, id: ViewId) {
        if let Some(held) = self.views.get_mut(&id) {
            held.holders = held.holders.saturating_sub(1);
            self.touched.insert(id);
        }
    }

    /// An audience lists a view, or lists it no longer.
    pub(crate) fn list(&mut self, id: ViewId, listed: bool) {
        if let Some(held) = self.views.get_mut(&id) {
            held.listed = if listed {
                held.listed + 1
            } else {
                held.listed.saturating_sub(1)
            };
            self.touched.insert(id);
        }
    }

    /// Views that have no content yet.
    pub(crate) fn take_fresh(&mut self) -> BTreeSet<ViewId> {
        std::mem::take(&mut self.fresh)
    }

    /// The key of a view that somebody still holds.
    pub(crate) fn key(&self, id: ViewId) -> Option<&ViewKey> {
        self.views
            .get(&id)
            .filter(|held| held.holders > 0)
            .map(|held| &held.key)
    }

    /// The content of a view.
    pub(crate) fn content(&self, id: ViewId) -> Option<&View> {
        self.views.get(&id).and_then(|held| held.content.as_ref())
    }

    /// The content of a view that the consumer of edits knows.
    pub(crate) fn told(&self, id: ViewId) -> Option<&View> {
        self.views
            .get(&id)
            .filter(|held| held.told != Told::Nothing)
            .and_then(|held| held.content.as_ref())
    }

    /// Takes a content. Returns whether it differs; an equal one is taken too, because it knows
    /// the newest origins.
    pub(crate) fn store(&mut self, id: ViewId, content: View) -> bool {
        let Some(held) = self.views.get_mut(&id) else {
            return false;
        };
        let differs = held.content.as_ref() != Some(&content);
        held.content = Some(content);
        if differs {
            if held.told == Told::Everything {
                held.told = Told::Outdated;
            }
            self.touched.insert(id);
        }
        differs
    }

    /// What became of the views that were touched, and the views that nobody holds any more.
    pub(crate) fn settle(&mut self) -> (Vec<(ViewId, Fate)>, Vec<ViewId>) {
        let (mut fates, mut gone) = (Vec::new(), Vec::new());
        for id in std::mem::take(&mut self.touched) {
            let Some(held) = self.views.get_mut(&id) else {
                continue;
            };
            if held.listed > 0 && held.told != Told::Everything {
                if let Some(content) = &held.content {
                    fates.push((id, Fate::Put(content.clone())));
                    held.told = Told::Everything;
                }
            } else if held.listed == 0 && held.told != Told::Nothing {
                fates.push((id, Fate::Drop));
                held.told = Told::Nothing;
            }
            if held.holders == 0 {
                if let Some(held) = self.views.remove(&id) {
                    self.ids.remove(&held.key);
                }
                self.fresh.remove(&id);
                gone.push(id);
            }
        }
        (fates, gone)
    }

    /// How many views there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.views.len()
    }
}
