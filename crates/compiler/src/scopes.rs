//! What the proxies of a scope have in common, kept up to date host by host.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use ferromesh_mesh::name::Hostname;
use ferromesh_mesh::view::route_table::TableName;

use crate::audience::AudienceKey;
use crate::edit::ProxyId;
use crate::index::routes_link::Source;
use crate::link::attributes::Attributes;
use crate::link::claims::{Award, Capture, Claims, Slot};
use crate::link::plan::Plan;
use crate::link::preference::{Needs, Viewer};
use crate::link::scope::Scope;

/// A scope with proxies in it.
#[derive(Debug)]
pub(crate) struct ScopeState {
    /// What it imports.
    pub(crate) scope: Scope,
    /// Its plans, by host.
    pub(crate) plans: HashMap<Hostname, Arc<Plan>>,
    /// Its proxies.
    pub(crate) proxies: BTreeSet<ProxyId>,
    /// Its audiences.
    pub(crate) audiences: BTreeSet<AudienceKey>,
    claims: BTreeMap<Slot, Claims>,
    /// Who got which slot.
    pub(crate) awards: BTreeMap<Slot, Award>,
    tables: BTreeMap<(Capture, TableName), usize>,
    localities: usize,
    labels: BTreeMap<Arc<str>, usize>,
    sources: BTreeMap<Source, usize>,
    needs: Needs,
    conditions: Vec<Source>,
}

/// What changed about a scope's slots.
#[derive(Debug, Default)]
pub(crate) struct SlotChanges {
    /// Slots with their former and present owner.
    pub(crate) awards: Vec<(Slot, Option<Award>, Option<Award>)>,
    /// Tables that came into use or fell out of it.
    pub(crate) tables: BTreeMap<(Capture, TableName), bool>,
}

impl ScopeState {
    /// A scope without hosts.
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            scope,
            plans: HashMap::new(),
            proxies: BTreeSet::new(),
            audiences: BTreeSet::new(),
            claims: BTreeMap::new(),
            awards: BTreeMap::new(),
            tables: BTreeMap::new(),
            localities: 0,
            labels: BTreeMap::new(),
            sources: BTreeMap::new(),
            needs: Needs::default(),
            conditions: Vec::new(),
        }
    }

    /// Takes a new plan for a host, `None` if it has none any more. Returns the former one, if
    /// it differs, and adds the slots that are concerned.
    pub(crate) fn replan(
        &mut self,
        host: &Hostname,
        plan: Option<Arc<Plan>>,
        slots: &mut BTreeSet<Slot>,
    ) -> Option<(Arc<Plan>, Arc<Plan>)> {
        let before = self.plans.get(host).cloned().unwrap_or_default();
        let after = plan.clone().unwrap_or_default();
        if Arc::ptr_eq(&before, &after) || before == after {
            return None;
        }
        match plan {
            Some(plan) => self.plans.insert(host.clone(), plan),
            None => self.plans.remove(host),
        };
        if before.claims != after.claims {
            for (slot, claim) in &before.claims {
                if let Some(claims) = self.claims.get_mut(slot) {
                    claims.remove(claim);
                }
                slots.insert(slot.clone());
            }
            for (slot, claim) in &after.claims {
                let claims = self.claims.entry(slot.clone()).or_default();
                claims.insert(claim.clone());
                slots.insert(slot.clone());
            }
        }
        self.count(&before, false);
        self.count(&after, true);
        Some((before, after))
    }

    fn count(&mut self, plan: &Plan, up: bool) {
        for planned in &plan.backends {
            if planned.needs.locality {
                self.localities = if up {
                    self.localities + 1
                } else {
                    self.localities.saturating_sub(1)
                };
            }
            for key in &planned.needs.labels {
                adjust(&mut self.labels, key, up);
            }
        }
        for planned in &plan.hosts {
            for source in planned.sources.iter().filter(|s| !s.labels.is_empty()) {
                adjust(&mut self.sources, source, up);
            }
        }
    }

    /// Decides again who gets these slots.
    pub(crate) fn settle_slots(&mut self, slots: BTreeSet<Slot>) -> SlotChanges {
        let mut changes = SlotChanges::default();
        for slot in slots {
            let after = self
                .claims
                .get(&slot)
                .and_then(|claims| claims.award(&slot));
            if self.claims.get(&slot).is_some_and(Claims::is_empty) {
                self.claims.remove(&slot);
            }
            let before = match &after {
                Some(award) => self.awards.insert(slot.clone(), award.clone()),
                None => self.awards.remove(&slot),
            };
            if before == after {
                continue;
            }
            for (award, up) in [(&before, false), (&after, true)] {
                if let Some(table) = award.as_ref().and_then(|award| award.table.clone()) {
                    let key = (slot.capture, table);
                    adjust(&mut self.tables, &key, up);
                    let is_used = self.tables.contains_key(&key);
                    changes.tables.insert(key, is_used);
                }
            }
            changes.awards.push((slot, before, after));
        }
        changes
    }

    /// Decides again what of clients matters. Returns whether that changed.
    pub(crate) fn settle_needs(&mut self) -> bool {
        let needs = Needs {
            locality: self.localities > 0,
            labels: self.labels.keys().cloned().collect(),
        };
        let conditions: Vec<Source> = self.sources.keys().cloned().collect();
        let changed = needs != self.needs || conditions != self.conditions;
        self.needs = needs;
        self.conditions = conditions;
        changed
    }

    /// What of a client matters for instances; `None` = nothing.
    pub(crate) fn viewer(&self, client: &Attributes) -> Option<Viewer> {
        (!self.needs.is_empty()).then(|| self.needs.project(client))
    }

    /// Which conditions on labels hold for a client.
    pub(crate) fn holds(&self, client: &Attributes) -> Vec<Source> {
        self.conditions
            .iter()
            .filter(|source| source.fits(&client.labels))
            .cloned()
            .collect()
    }

    /// Tables in use.
    pub(crate) fn tables(&self, capture: Capture) -> impl Iterator<Item = &TableName> {
        self.tables
            .keys()
            .filter(move |(of, _)| *of == capture)
            .map(|(_, name)| name)
    }

    /// All slots and who wants them.
    pub(crate) fn claims(&self) -> impl Iterator<Item = (&Slot, &Claims)> {
        self.claims.iter()
    }
}

fn adjust<K: Ord + Clone>(counts: &mut BTreeMap<K, usize>, key: &K, up: bool) {
    if up {
        *counts.entry(key.clone()).or_insert(0) += 1;
    } else if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
