//! From facts to plans, and from plans to the audiences of a scope.

use std::collections::BTreeSet;

use ferromesh_mesh::name::Hostname;

use super::Compiler;
use crate::audience::{Audience, AudienceKey};
use crate::edit::ProxyId;
use crate::layers;
use crate::link::keys::ViewKey;
use crate::link::plan::Plan;
use crate::link::scope::ScopeKey;
use crate::memo::Memo;
use crate::proxy::Tables;
use crate::scopes::{ScopeState, SlotChanges};
use ferromesh_mesh::view::route_table::TableName;

impl Compiler {
    /// Plans again: all hosts of the scopes that import something else, the changed hosts of
    /// all others.
    pub(super) fn refresh_scopes(
        &mut self,
        stale: BTreeSet<ScopeKey>,
        hosts: &BTreeSet<Hostname>,
        regroup: &mut BTreeSet<ProxyId>,
    ) {
        let renewed = self.renew(stale);
        if hosts.is_empty() && renewed.is_empty() {
            return;
        }
        let Self {
            scopes,
            audiences,
            memo,
            unsettled,
            hosts: facts,
            plans,
            #[cfg(test)]
            work,
            ..
        } = self;
        for (key, state) in scopes {
            let is_renewed = renewed.contains(key);
            let mut planned: Vec<&Hostname> = hosts.iter().collect();
            if is_renewed {
                planned.extend(facts.keys().filter(|host| !hosts.contains(*host)));
            }
            if planned.is_empty() && !is_renewed {
                continue;
            }
            #[cfg(test)]
            {
                work.planned += planned.len();
            }
            let mut slots = BTreeSet::new();
            let mut changes = Vec::new();
            for host in planned {
                let plan = facts
                    .get(host)
                    .map(|facts| plans.share(host, Plan::link(&state.scope, host, facts)));
                changes.extend(state.replan(host, plan, &mut slots));
            }
            let slots = state.settle_slots(slots);
            if state.settle_needs() {
                regroup.extend(state.proxies.iter().copied());
            }
            for key in &state.audiences {
                let Some(audience) = audiences.get_mut(key) else {
                    continue;
                };
                unsettled.insert(key.clone());
                if is_renewed {
                    audience.clear(tables_of(key), memo);
                    fill(key, audience, state, memo);
                    continue;
                }
                for (before, after) in &changes {
                    apply_plan(key, audience, before, false, memo);
                    apply_plan(key, audience, after, true, memo);
                }
                apply_slots(key, audience, state, &slots, memo);
            }
        }
    }

    /// Links scopes again, and returns those that import something else.
    fn renew(&mut self, stale: BTreeSet<ScopeKey>) -> BTreeSet<ScopeKey> {
        let mut renewed = BTreeSet::new();
        for key in stale {
            if !self.scopes.contains_key(&key) {
                continue;
            }
            let scope = self.link_scope(&key);
            if let Some(state) = self.scopes.get_mut(&key)
                && state.scope != scope
            {
                state.scope = scope;
                renewed.insert(key);
            }
        }
        renewed
    }
}

/// Where the virtual hosts of an audience's tables are.
pub(super) fn tables_of(key: &AudienceKey) -> Option<Tables> {
    match key {
        AudienceKey::Routes(_, kind) => Some(kind.tables),
        AudienceKey::Shared(..)
        | AudienceKey::Place(..)
        | AudienceKey::Listeners(..)
        | AudienceKey::Inbound(..) => None,
    }
}

/// Puts everything on an audience's list that a scope has for it.
pub(super) fn fill(
    key: &AudienceKey,
    audience: &mut Audience,
    state: &ScopeState,
    memo: &mut Memo,
) {
    for plan in state.plans.values() {
        apply_plan(key, audience, plan, true, memo);
    }
    match key {
        AudienceKey::Shared(_, capture, _) => {
            for view in layers::built_in(*capture) {
                audience.add(&view, memo);
            }
        }
        AudienceKey::Routes(_, kind) => {
            let proxy_port = kind.has_proxy_port.then_some(&TableName::HttpProxy);
            for name in state.tables(kind.capture).chain(proxy_port) {
                let table = table_key(key, name, state);
                audience.use_table(&table, name, kind.tables, true, memo);
            }
        }
        AudienceKey::Listeners(_, facet) => {
            let outbound = state.scope.outbound;
            if let Some(view) = facet.common(outbound) {
                audience.add(&view, memo);
            }
            for (slot, award) in &state.awards {
                if slot.capture == facet.capture() {
                    for view in facet.listeners(slot, award, outbound) {
                        audience.add(&view, memo);
                    }
                }
            }
        }
        AudienceKey::Place(..) | AudienceKey::Inbound(..) => {}
    }
}

fn apply_plan(
    key: &AudienceKey,
    audience: &mut Audience,
    plan: &Plan,
    added: bool,
    memo: &mut Memo,
) {
    let mut list = |view: ViewKey| {
        if added {
            audience.add(&view, memo);
        } else {
            audience.remove(&view, memo);
        }
    };
    match key {
        AudienceKey::Shared(_, capture, certificates) => {
            layers::shared(plan, *capture, *certificates).for_each(list);
        }
        AudienceKey::Place(_, capture, certificates, viewer) => {
            layers::placed(plan, *capture, *certificates, viewer).for_each(&mut list);
        }
        AudienceKey::Routes(_, kind) => {
            for host in layers::hosts(plan, kind) {
                if added {
                    audience.add_host(&host, kind.tables, memo);
                } else {
                    audience.remove_host(&host, kind.tables, memo);
                }
            }
        }
        AudienceKey::Listeners(..) | AudienceKey::Inbound(..) => {}
    }
}

fn apply_slots(
    key: &AudienceKey,
    audience: &mut Audience,
    state: &ScopeState,
    changes: &SlotChanges,
    memo: &mut Memo,
) {
    match key {
        AudienceKey::Routes(_, kind) => {
            for ((capture, name), is_used) in &changes.tables {
                if *capture == kind.capture {
                    let table = table_key(key, name, state);
                    audience.use_table(&table, name, kind.tables, *is_used, memo);
                }
            }
        }
        AudienceKey::Listeners(_, facet) => {
            let outbound = state.scope.outbound;
            for (slot, before, after) in &changes.awards {
                if slot.capture != facet.capture() {
                    continue;
                }
                if let Some(before) = before {
                    for view in facet.listeners(slot, before, outbound) {
                        audience.remove(&view, memo);
                    }
                }
                if let Some(after) = after {
                    for view in facet.listeners(slot, after, outbound) {
                        audience.add(&view, memo);
                    }
                }
            }
        }
        AudienceKey::Shared(..) | AudienceKey::Place(..) | AudienceKey::Inbound(..) => {}
    }
}

fn table_key(key: &AudienceKey, name: &TableName, state: &ScopeState) -> ViewKey {
    match key {
        AudienceKey::Routes(_, kind) if kind.tables == Tables::Separate => ViewKey::Table(
            name.clone(),
            layers::unknown_hosts(kind.capture, state.scope.outbound),
        ),
        _ => ViewKey::Inline(key.clone(), name.clone()),
    }
}
