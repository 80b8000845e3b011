//! From proxies to scopes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Compiler;
use super::audiences::inbound;
use crate::edit::ProxyId;
use crate::index::reading::Reading;
use crate::link::plan::Plan;
use crate::link::proxies::LinkedProxy;
use crate::link::scope::{Scope, ScopeKey};
use crate::readers::Reader;
use crate::scopes::ScopeState;

impl Compiler {
    /// Finds out again what proxies are, and returns those that may belong elsewhere.
    pub(super) fn refresh_proxies(&mut self, stale: BTreeSet<ProxyId>) -> BTreeSet<ProxyId> {
        let mut changed = BTreeSet::new();
        for id in stale {
            let Some(open) = self.proxies.get_mut(&id) else {
                continue;
            };
            #[cfg(test)]
            {
                self.work.linked += 1;
            }
            let mut reading = Reading::new(&self.index);
            let linked = Arc::new(LinkedProxy::link(&open.proxy, &mut reading));
            self.readers
                .record(&Reader::Proxy(id), reading.into_asked());
            let before = open.linked.replace(linked.clone());
            if before.as_ref() == Some(&linked) {
                continue;
            }
            changed.insert(id);
            let Some(before) = before else {
                self.enter_scope(id, &linked.scope);
                continue;
            };
            if before.scope != linked.scope {
                self.enter_scope(id, &linked.scope);
                self.leave_scope(id, &before.scope);
            }
            if before.inbound != linked.inbound {
                self.replace_inbound(id, &linked);
            }
        }
        changed
    }

    fn enter_scope(&mut self, proxy: ProxyId, key: &ScopeKey) {
        if !self.scopes.contains_key(key) {
            let scope = self.link_scope(key);
            let mut state = ScopeState::new(scope);
            let mut slots = BTreeSet::new();
            for (host, facts) in &self.hosts {
                let plan = Plan::link(&state.scope, host, facts);
                let plan = self.plans.share(host, plan);
                state.replan(host, Some(plan), &mut slots);
            }
            state.settle_slots(slots);
            state.settle_needs();
            self.scopes.insert(key.clone(), state);
        }
        if let Some(state) = self.scopes.get_mut(key) {
            state.proxies.insert(proxy);
        }
    }

    /// Links a scope and notes what it asked.
    pub(super) fn link_scope(&mut self, key: &ScopeKey) -> Scope {
        let mut reading = Reading::new(&self.index);
        let scope = Scope::link(key, &mut reading);
        self.readers
            .record(&Reader::Scope(key.clone()), reading.into_asked());
        scope
    }

    /// The scope goes with its last proxy; by then its audiences are empty or about to be.
    pub(super) fn leave_scope(&mut self, proxy: ProxyId, key: &ScopeKey) {
        if let Some(state) = self.scopes.get_mut(key) {
            state.proxies.remove(&proxy);
            if state.proxies.is_empty() {
                self.scopes.remove(key);
                self.readers.forget(&Reader::Scope(key.clone()));
            }
        }
    }

    /// A workload serves something else than before.
    fn replace_inbound(&mut self, id: ProxyId, linked: &LinkedProxy) {
        let Some(open) = self.proxies.get(&id) else {
            return;
        };
        let key = inbound(&open.proxy);
        if let Some(audience) = self.audiences.get_mut(&key) {
            audience.clear(None, &mut self.memo);
            for view in &linked.inbound.views {
                audience.add(view, &mut self.memo);
            }
            self.unsettled.insert(key);
        }
    }
}
