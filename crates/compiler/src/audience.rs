//! Audiences: sets of names shared by all proxies that would get the same views under them.
//!
//! A proxy belongs to a few of them, in layers, so that proxies that differ in one respect share
//! everything that does not depend on it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use ferromesh_mesh::name::WorkloadName;
use ferromesh_mesh::view::route_table::TableName;

use crate::edit::{AudienceId, ProxyId, ViewId};
use crate::index::routes_link::Source;
use crate::link::claims::Capture;
use crate::link::keys::{Host, ViewKey};
use crate::link::preference::Viewer;
use crate::link::proxies::Families;
use crate::link::scope::ScopeKey;
use crate::memo::Memo;
use crate::proxy::{Certificates, Interception, Tables};

/// What an audience has in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum AudienceKey {
    /// Clusters, and instances that are the same for all clients of a scope.
    Shared(ScopeKey, Capture, Certificates),
    /// Instances that depend on where the client is.
    Place(ScopeKey, Capture, Certificates, Viewer),
    /// Route tables and virtual hosts.
    Routes(ScopeKey, RoutesKind),
    /// Outbound listeners.
    Listeners(ScopeKey, Facet),
    /// What a workload serves.
    Inbound(WorkloadName, Interception, Certificates),
}

/// Which route tables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RoutesKind {
    /// How traffic arrives.
    pub(crate) capture: Capture,
    /// Whether there is a table for the HTTP proxy port.
    pub(crate) has_proxy_port: bool,
    /// Where virtual hosts are.
    pub(crate) tables: Tables,
    /// Conditions on the client's labels that hold.
    pub(crate) holds: Vec<Source>,
}

/// Which outbound listeners.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Facet {
    /// Traffic is captured.
    Captured(Families),
    /// Listeners are bound.
    Bound {
        /// The address.
        outbound: IpAddr,
        /// The HTTP proxy port.
        http_proxy_port: Option<u16>,
        /// Ports of that address that are taken.
        taken: Vec<u16>,
    },
}

impl AudienceKey {
    /// The scope on which the content depends.
    pub(crate) fn scope(&self) -> Option<&ScopeKey> {
        match self {
            Self::Shared(scope, ..)
            | Self::Place(scope, ..)
            | Self::Routes(scope, _)
            | Self::Listeners(scope, _) => Some(scope),
            Self::Inbound(..) => None,
        }
    }
}

/// An audience.
#[derive(Debug)]
pub(crate) struct Audience {
    /// Its number.
    pub(crate) id: AudienceId,
    /// Proxies that belong to it.
    pub(crate) members: BTreeSet<ProxyId>,
    /// The views that it lists, counted.
    views: HashMap<ViewId, usize>,
    /// The virtual hosts of tables, counted, whether the table is in use or not.
    tables: BTreeMap<TableName, HashMap<Arc<Host>, usize>>,
    /// Tables in use.
    used: BTreeSet<TableName>,
    /// Views whose listing may have changed, and whether they were listed before.
    touched: BTreeMap<ViewId, bool>,
    /// Tables whose virtual hosts inside may have changed.
    pub(crate) outdated: BTreeSet<TableName>,
}

impl Audience {
    /// Nothing listed yet.
    pub(crate) fn new(id: AudienceId) -> Self {
        Self {
            id,
            members: BTreeSet::new(),
            views: HashMap::new(),
            tables: BTreeMap::new(),
            used: BTreeSet::new(),
            touched: BTreeMap::new(),
            outdated: BTreeSet::new(),
        }
    }

    /// Lists a view once more.
    pub(crate) fn add(&mut self, key: &ViewKey, memo: &mut Memo) {
        let view = memo.acquire(key);
        let count = self.views.entry(view).or_insert(0);
        self.touched.entry(view).or_insert(*count > 0);
        *count += 1;
    }

    /// Lists a view once less.
    pub(crate) fn remove(&mut self, key: &ViewKey, memo: &mut Memo) {
        let Some(view) = memo.find(key) else {
            return;
        };
        let Some(count) = self.views.get_mut(&view) else {
            return;
        };
        self.touched.entry(view).or_insert(*count > 0);
        *count -= 1;
        if *count == 0 {
            self.views.remove(&view);
        }
        memo.release(view);
    }

    /// Adds a virtual host to its table.
    pub(crate) fn add_host(&mut self, host: &Arc<Host>, tables: Tables, memo: &mut Memo) {
        *self
            .tables
            .entry(host.table.clone())
            .or_default()
            .entry(host.clone())
            .or_insert(0) += 1;
        if self.used.contains(&host.table) {
            self.hold_host(host, tables, memo);
        }
    }

    /// Removes a virtual host from its table.
    pub(crate) fn remove_host(&mut self, host: &Arc<Host>, tables: Tables, memo: &mut Memo) {
        if let Some(hosts) = self.tables.get_mut(&host.table)
            && let Some(count) = hosts.get_mut(host)
        {
            *count -= 1;
            if *count == 0 {
                hosts.remove(host);
            }
            if hosts.is_empty() {
                self.tables.remove(&host.table);
            }
            if self.used.contains(&host.table) {
                self.release_host(host, tables, memo);
            }
        }
    }

    /// A table is in use from now on, or no longer.
    pub(crate) fn use_table(
        &mut self,
        key: &ViewKey,
        name: &TableName,
        tables: Tables,
        is_used: bool,
        memo: &mut Memo,
    ) {
        let hosts: Vec<(Arc<Host>, usize)> = self
            .tables
            .get(name)
            .into_iter()
            .flatten()
            .map(|(host, count)| (host.clone(), *count))
            .collect();
        let each = || {
            hosts
                .iter()
                .flat_map(|(host, count)| std::iter::repeat_n(host, *count))
        };
        if is_used {
            if self.used.insert(name.clone()) {
                self.add(key, memo);
                if tables == Tables::Inline {
                    self.outdated.insert(name.clone());
                }
                each().for_each(|host| self.hold_host(host, tables, memo));
            }
        } else if self.used.remove(name) {
            self.remove(key, memo);
            each().for_each(|host| self.release_host(host, tables, memo));
        }
    }

    fn hold_host(&mut self, host: &Arc<Host>, tables: Tables, memo: &mut Memo) {
        let key = ViewKey::Host(host.clone());
        match tables {
            Tables::Separate => self.add(&key, memo),
            Tables::Inline => {
                memo.acquire(&key);
                self.outdated.insert(host.table.clone());
            }
        }
    }

    fn release_host(&mut self, host: &Arc<Host>, tables: Tables, memo: &mut Memo) {
        let key = ViewKey::Host(host.clone());
        match tables {
            Tables::Separate => self.remove(&key, memo),
            Tables::Inline => {
                if let Some(view) = memo.find(&key) {
                    memo.release(view);
                }
                self.outdated.insert(host.table.clone());
            }
        }
    }

    /// The virtual hosts of a table in use.
    pub(crate) fn hosts(&self, table: &TableName) -> impl Iterator<Item = &Arc<Host>> {
        self.tables.get(table).into_iter().flat_map(HashMap::keys)
    }

    /// Whether a table in use has this virtual host.
    pub(crate) fn shows(&self, host: &Arc<Host>) -> bool {
        self.used.contains(&host.table)
            && self
                .tables
                .get(&host.table)
                .is_some_and(|hosts| hosts.contains_key(host))
    }

    /// What became of the listing: views that are listed now and were not, and the other way
    /// round.
    pub(crate) fn settle(&mut self, memo: &mut Memo) -> (Vec<ViewId>, Vec<ViewId>) {
        let (mut listed, mut unlisted) = (Vec::new(), Vec::new());
        for (view, before) in std::mem::take(&mut self.touched) {
            let now = self.views.contains_key(&view);
            if now != before {
                memo.list(view, now);
                if now {
                    listed.push(view);
                } else {
                    unlisted.push(view);
                }
            }
        }
        (listed, unlisted)
    }

    /// Takes everything off the list.
    pub(crate) fn clear(&mut self, tables: Option<Tables>, memo: &mut Memo) {
        for (view, count) in std::mem::take(&mut self.views) {
            self.touched.entry(view).or_insert(true);
            for _ in 0..count {
                memo.release(view);
            }
        }
        let used = std::mem::take(&mut self.used);
        for (name, hosts) in std::mem::take(&mut self.tables) {
            if tables == Some(Tables::Inline) && used.contains(&name) {
                for (host, count) in hosts {
                    if let Some(view) = memo.find(&ViewKey::Host(host)) {
                        for _ in 0..count {
                            memo.release(view);
                        }
                    }
                }
            }
        }
        self.outdated.clear();
    }
}
