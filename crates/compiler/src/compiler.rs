//! The compiler itself: what changed is followed from the declarations through hosts, proxies,
//! scopes and audiences to the views, and stops wherever nothing differs.

mod audiences;
mod hosts;
mod proxies;
mod scopes;
mod views;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ferromesh_mesh::decl::mesh_config::MeshConfig;
use ferromesh_mesh::decl::workload::Workload;
use ferromesh_mesh::diagnostic::Diagnostic;
use ferromesh_mesh::name::{Hostname, WorkloadName};
use ferromesh_mesh::origin::ObjectRef;
use ferromesh_mesh::policy::jwt::KeySource;
use ferromesh_mesh::unit::Unit;
use ferromesh_mesh::view::View;

use crate::audience::{Audience, AudienceKey};
use crate::diagnose::{self, Facing};
use crate::edit::{AudienceId, Edit, ProxyId, ViewId};
use crate::index::{Dirty, Index};
use crate::link::facts::Facts;
use crate::link::proxies::LinkedProxy;
use crate::link::scope::ScopeKey;
use crate::memo::Memo;
use crate::pool::PlanPool;
use crate::proxy::Proxy;
use crate::readers::{Reader, Readers};
use crate::scopes::ScopeState;
use crate::units::Units;

/// Units in, views out.
#[derive(Debug, Default)]
pub struct Compiler {
    units: Units,
    index: Index,
    dirty: Dirty,
    pub(crate) readers: Readers,
    hosts: HashMap<Hostname, Arc<Facts>>,
    proxies: BTreeMap<ProxyId, OpenProxy>,
    opened: BTreeSet<ProxyId>,
    scopes: BTreeMap<ScopeKey, ScopeState>,
    audiences: BTreeMap<AudienceKey, Audience>,
    plans: PlanPool,
    memo: Memo,
    /// Audiences whose tables have their virtual hosts inside.
    inline: BTreeSet<AudienceKey>,
    next_proxy: u64,
    next_audience: u64,
    /// Audiences that have to be looked at before the edits are written.
    unsettled: BTreeSet<AudienceKey>,
    /// Audiences that are new or gone since the last edits.
    born: Vec<AudienceId>,
    died: Vec<Audience>,
    /// Proxies whose audiences changed.
    moved: BTreeSet<ProxyId>,
    /// What was done, for tests of cost.
    #[cfg(test)]
    pub(crate) work: Work,
}

/// How often something was computed.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// Facts about hosts.
    pub(crate) gathered: usize,
    /// Plans of scopes for hosts.
    pub(crate) planned: usize,
    /// Views.
    pub(crate) built: usize,
    /// Proxies.
    pub(crate) linked: usize,
}

/// A proxy that is there.
#[derive(Debug)]
struct OpenProxy {
    proxy: Proxy,
    /// What it is; `None` until the next compilation.
    linked: Option<Arc<LinkedProxy>>,
    /// Its audiences.
    audiences: Vec<AudienceKey>,
}

impl Compiler {
    /// Nothing declared, nobody there.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes all that an object says, in place of what it said before.
    pub fn replace(&mut self, unit: Arc<Unit>) {
        for difference in self.units.replace(unit) {
            self.index.apply(difference, &mut self.dirty);
        }
    }

    /// Forgets what an object said.
    pub fn remove(&mut self, object: &ObjectRef) {
        for difference in self.units.remove(object) {
            self.index.apply(difference, &mut self.dirty);
        }
    }

    /// A proxy is there. Its views come with the next [`Self::compile`].
    pub fn open(&mut self, proxy: Proxy) -> ProxyId {
        let id = ProxyId::new(self.next_proxy);
        self.next_proxy += 1;
        self.proxies.insert(
            id,
            OpenProxy {
                proxy,
                linked: None,
                audiences: Vec::new(),
            },
        );
        self.opened.insert(id);
        id
    }

    /// A proxy is gone. Views that only it held go with the next [`Self::compile`].
    pub fn close(&mut self, proxy: ProxyId) {
        self.opened.remove(&proxy);
        self.moved.remove(&proxy);
        self.readers.forget(&Reader::Proxy(proxy));
        if let Some(open) = self.proxies.remove(&proxy) {
            for key in &open.audiences {
                self.leave(proxy, key);
            }
            if let Some(linked) = open.linked {
                self.leave_scope(proxy, &linked.scope);
            }
        }
    }

    /// Everything that changed since the last call, in an order that can be applied one by one.
    pub fn compile(&mut self) -> Vec<Edit> {
        let mut dirty = std::mem::take(&mut self.dirty);
        self.index.settle(&mut dirty);
        let mut stale = Stale::default();
        for question in &dirty {
            for reader in self.readers.of(question) {
                stale.add(reader);
            }
        }
        let hosts = self.refresh_hosts(&dirty, stale.hosts);
        stale.proxies.append(&mut self.opened);
        let mut regroup = self.refresh_proxies(stale.proxies);
        self.refresh_scopes(stale.scopes, &hosts, &mut regroup);
        self.regroup(regroup);
        self.refresh_views(stale.views);
        self.edits()
    }

    /// Faults between objects, sorted. Computed when asked for, from all declarations: it costs
    /// nothing to have them, and needs no proxy.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut list = diagnose::declarations(&self.index);
        for open in self.proxies.values() {
            if let Some(linked) = &open.linked
                && let Some(state) = self.scopes.get(&linked.scope)
            {
                let facing = Facing {
                    proxy: &open.proxy,
                    linked,
                    facet: audiences::facet(&open.proxy, linked),
                    state,
                    index: &self.index,
                };
                diagnose::proxy(&facing, &mut list);
            }
        }
        list.sort();
        list.dedup();
        list
    }

    /// A view that some audience lists.
    pub fn view(&self, view: ViewId) -> Option<&View> {
        self.memo.told(view)
    }

    /// How many views there are, listed or not.
    #[cfg(test)]
    pub(crate) fn memo_len(&self) -> usize {
        self.memo.len()
    }

    /// What runs under this name: a Pod before an entry. It is as new as the last change, whether
    /// that has been compiled or not.
    pub fn workload(&self, name: &WorkloadName) -> Option<&Arc<Workload>> {
        self.index.workload(name)
    }

    /// The mesh configuration in force; Istio's defaults as long as there is none.
    pub fn mesh(&self) -> &Arc<MeshConfig> {
        self.index.mesh()
    }

    /// Whose keys have to be fetched so that tokens can be verified, and how long that may take.
    /// What was fetched comes back as [`KeySet`](ferromesh_mesh::decl::key_set::KeySet).
    pub fn key_sources(&self) -> BTreeMap<KeySource, Duration> {
        self.index.wanted_keys()
    }

    /// The proxies that are there.
    pub fn proxies(&self) -> impl Iterator<Item = (ProxyId, &Proxy)> {
        self.proxies.iter().map(|(id, open)| (*id, &open.proxy))
    }
}

/// Readers whose answers changed.
#[derive(Debug, Default)]
struct Stale {
    hosts: BTreeSet<Hostname>,
    scopes: BTreeSet<ScopeKey>,
    proxies: BTreeSet<ProxyId>,
    views: BTreeSet<ViewId>,
}

impl Stale {
    fn add(&mut self, reader: &Reader) {
        match reader {
            Reader::Facts(host) => drop(self.hosts.insert(host.clone())),
            Reader::Scope(scope) => drop(self.scopes.insert(scope.clone())),
            Reader::Proxy(proxy) => drop(self.proxies.insert(*proxy)),
            Reader::View(view) => drop(self.views.insert(*view)),
        }
    }
}
