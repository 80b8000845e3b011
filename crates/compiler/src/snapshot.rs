//! What all edits so far add up to: the simplest consumer of edits, for offline tools and tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ferromesh_mesh::view::View;

use crate::edit::{AudienceId, Edit, ProxyId, ViewId};

/// All views, audiences and proxies.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    views: BTreeMap<ViewId, View>,
    audiences: BTreeMap<AudienceId, BTreeSet<ViewId>>,
    proxies: BTreeMap<ProxyId, Arc<[AudienceId]>>,
}

impl Snapshot {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an edit. Returns whether it referred only to what exists, which is a law of the
    /// compiler.
    pub fn apply(&mut self, edit: Edit) -> bool {
        match edit {
            Edit::Put { view, content } => {
                self.views.insert(view, content);
                true
            }
            Edit::Open { audience } => self.audiences.insert(audience, BTreeSet::new()).is_none(),
            Edit::List { audience, view } => {
                self.views.contains_key(&view)
                    && self
                        .audiences
                        .get_mut(&audience)
                        .is_some_and(|views| views.insert(view))
            }
            Edit::Assign { proxy, audiences } => {
                let exist = audiences.iter().all(|id| self.audiences.contains_key(id));
                self.proxies.insert(proxy, audiences);
                exist
            }
            Edit::Unlist { audience, view } => self
                .audiences
                .get_mut(&audience)
                .is_some_and(|views| views.remove(&view)),
            Edit::Close { audience } => self
                .audiences
                .remove(&audience)
                .is_some_and(|views| views.is_empty()),
            Edit::Drop { view } => {
                self.views.remove(&view).is_some()
                    && !self.audiences.values().any(|views| views.contains(&view))
            }
        }
    }

    /// Forgets a proxy that the caller has closed; the compiler writes no edit for it.
    pub fn forget(&mut self, proxy: ProxyId) {
        self.proxies.remove(&proxy);
    }

    /// Everything that a proxy may be served.
    pub fn views_of(&self, proxy: ProxyId) -> impl Iterator<Item = (ViewId, &View)> {
        self.proxies
            .get(&proxy)
            .into_iter()
            .flat_map(|audiences| audiences.iter())
            .filter_map(|audience| self.audiences.get(audience))
            .flatten()
            .filter_map(|view| self.views.get(view).map(|content| (*view, content)))
    }

    /// How many views and audiences there are.
    pub fn size(&self) -> (usize, usize) {
        (self.views.len(), self.audiences.len())
    }
}
