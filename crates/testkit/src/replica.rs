//! What a client of the compiler knows: views, audiences and assignments, put together from
//! nothing but edits. It complains when an edit refers to what does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ferromesh_compiler::{AudienceId, Edit, ProxyId, ViewId};
use ferromesh_target_envoy::{Emitted, Kind, emit};

/// The state that edits have built up.
#[derive(Debug, Default)]
pub struct Replica {
    views: BTreeMap<ViewId, Emitted>,
    audiences: BTreeMap<AudienceId, BTreeSet<ViewId>>,
    proxies: BTreeMap<ProxyId, Arc<[AudienceId]>>,
}

/// The resources that one proxy is served, by kind and name.
pub type Served = BTreeMap<(Kind, String), Vec<u8>>;

impl Replica {
    /// Applies edits one by one.
    ///
    /// # Panics
    /// If one of them is out of order: it refers to what does not exist, or takes away what is
    /// still in use.
    pub fn apply(&mut self, edits: Vec<Edit>) {
        for edit in edits {
            self.step(edit);
        }
    }

    fn step(&mut self, edit: Edit) {
        match edit {
            Edit::Put { view, content } => {
                let new = emit(&content);
                if let Some(old) = self.views.insert(view, new) {
                    let new = &self.views[&view];
                    assert_eq!(
                        (old.kind, &old.name),
                        (new.kind, &new.name),
                        "a view was renamed"
                    );
                }
            }
            Edit::Open { audience } => {
                assert!(self.audiences.insert(audience, BTreeSet::new()).is_none());
            }
            Edit::List { audience, view } => {
                assert!(self.views.contains_key(&view), "an unknown view is listed");
                let views = self.audiences.get_mut(&audience).expect("an open audience");
                assert!(views.insert(view), "a view is listed twice");
            }
            Edit::Assign { proxy, audiences } => {
                for audience in audiences.iter() {
                    assert!(self.audiences.contains_key(audience), "an unknown audience");
                }
                self.proxies.insert(proxy, audiences);
            }
            Edit::Unlist { audience, view } => {
                let views = self.audiences.get_mut(&audience).expect("an open audience");
                assert!(views.remove(&view), "a view that is not listed is unlisted");
            }
            Edit::Close { audience } => {
                let views = self.audiences.remove(&audience).expect("an open audience");
                assert!(views.is_empty(), "a closed audience still lists views");
            }
            Edit::Drop { view } => {
                assert!(
                    self.views.remove(&view).is_some(),
                    "an unknown view is dropped"
                );
                let listed = self.audiences.values().any(|views| views.contains(&view));
                assert!(!listed, "a dropped view is still listed");
            }
        }
    }

    /// Forgets a proxy that has been closed.
    pub fn close(&mut self, proxy: ProxyId) {
        self.proxies.remove(&proxy);
    }

    /// What a proxy is served.
    ///
    /// # Panics
    /// If two of its audiences have a name in common.
    pub fn served(&self, proxy: ProxyId) -> Served {
        let mut served = Served::new();
        let audiences = self
            .proxies
            .get(&proxy)
            .map_or(&[][..], |audiences| audiences);
        for audience in audiences {
            for view in &self.audiences[audience] {
                let Emitted {
                    kind, name, body, ..
                } = &self.views[view];
                let old = served.insert((*kind, name.clone()), body.clone());
                assert!(
                    old.is_none(),
                    "{kind:?} {name} is in two audiences of one proxy"
                );
            }
        }
        served
    }

    /// How many views there are, shared by all audiences.
    pub fn views(&self) -> usize {
        self.views.len()
    }
}
