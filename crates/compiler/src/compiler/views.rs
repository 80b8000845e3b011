//! From keys to views, and from views to edits.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_mesh::decl::mesh_config::OutboundPolicy;
use ferromesh_mesh::view::View;
use ferromesh_mesh::view::route_table::{TableName, UnknownHosts};
use ferromesh_mesh::view::virtual_host::VirtualHost;

use super::Compiler;
use crate::audience::AudienceKey;
use crate::edit::{Edit, ViewId};
use crate::index::reading::Reading;
use crate::layers;
use crate::link::keys::{Host, ViewKey};
use crate::memo::Fate;
use crate::project::{self, Inline};
use crate::readers::Reader;

impl Compiler {
    /// Builds the views that are new or whose answers changed, and the tables that contain them.
    pub(super) fn refresh_views(&mut self, stale: BTreeSet<ViewId>) {
        let mut views = self.memo.take_fresh();
        views.extend(stale);
        for id in views {
            let Some(key) = self.memo.key(id).cloned() else {
                continue;
            };
            match key {
                ViewKey::Inline(audience, table) => self.outdate(&audience, &table),
                key => {
                    if self.build(id, &key, Inline::none())
                        && let ViewKey::Host(host) = &key
                    {
                        self.outdate_tables_with(host);
                    }
                }
            }
        }
        for key in self.unsettled.clone() {
            let outdated = self
                .audiences
                .get_mut(&key)
                .map(|audience| std::mem::take(&mut audience.outdated))
                .unwrap_or_default();
            for table in outdated {
                self.build_table(&key, &table);
            }
        }
    }

    fn outdate(&mut self, key: &AudienceKey, table: &TableName) {
        if let Some(audience) = self.audiences.get_mut(key) {
            audience.outdated.insert(table.clone());
            self.unsettled.insert(key.clone());
        }
    }

    /// Tables with virtual hosts inside are only for clients of the old protocol: there are few
    /// such audiences, so that they are simply asked.
    fn outdate_tables_with(&mut self, host: &Arc<Host>) {
        for key in &self.inline {
            if let Some(audience) = self.audiences.get_mut(key)
                && audience.shows(host)
            {
                audience.outdated.insert(host.table.clone());
                self.unsettled.insert(key.clone());
            }
        }
    }

    /// Builds a view. Returns whether it differs.
    fn build(&mut self, id: ViewId, key: &ViewKey, inline: Inline) -> bool {
        #[cfg(test)]
        {
            self.work.built += 1;
        }
        let mut reading = Reading::new(&self.index);
        let content = project::project(key, inline, &mut reading);
        self.readers.record(&Reader::View(id), reading.into_asked());
        self.memo.store(id, content)
    }

    fn build_table(&mut self, key: &AudienceKey, table: &TableName) {
        let view = ViewKey::Inline(key.clone(), table.clone());
        let (Some(id), Some(audience)) = (self.memo.find(&view), self.audiences.get(key)) else {
            return;
        };
        let AudienceKey::Routes(scope, kind) = key else {
            return;
        };
        let mut hosts: Vec<Arc<VirtualHost>> = audience
            .hosts(table)
            .filter_map(|host| self.memo.find(&ViewKey::Host(host.clone())))
            .filter_map(|id| match self.memo.content(id) {
                Some(View::VirtualHost(host)) => Some(host.clone()),
                _ => None,
            })
            .collect();
        hosts.sort_by(|a, b| (&a.host, a.port).cmp(&(&b.host, b.port)));
        let outbound = self
            .scopes
            .get(scope)
            .map_or(OutboundPolicy::RegistryOnly, |state| state.scope.outbound);
        let inline = Inline {
            hosts,
            fallback: layers::unknown_hosts(kind.capture, outbound),
        };
        self.build(id, &view, inline);
    }

    /// Writes down what changed: what is new comes before what refers to it, what is gone after.
    pub(super) fn edits(&mut self) -> Vec<Edit> {
        let (mut lists, mut unlists, mut late) = (Vec::new(), Vec::new(), Vec::new());
        for key in std::mem::take(&mut self.unsettled) {
            if let Some(audience) = self.audiences.get_mut(&key) {
                let id = audience.id;
                let (listed, unlisted) = audience.settle(&mut self.memo);
                unlists.extend(
                    unlisted
                        .into_iter()
                        .map(|view| Edit::Unlist { audience: id, view }),
                );
                lists.extend(
                    listed
                        .into_iter()
                        .map(|view| Edit::List { audience: id, view }),
                );
            }
        }
        let born: BTreeSet<_> = std::mem::take(&mut self.born).into_iter().collect();
        let mut stillborn = BTreeSet::new();
        for mut audience in std::mem::take(&mut self.died) {
            let id = audience.id;
            let (_, unlisted) = audience.settle(&mut self.memo);
            late.extend(
                unlisted
                    .into_iter()
                    .map(|view| Edit::Unlist { audience: id, view }),
            );
            if born.contains(&id) {
                stillborn.insert(id);
            } else {
                late.push(Edit::Close { audience: id });
            }
        }
        let (fates, gone) = self.memo.settle();
        for view in gone {
            self.readers.forget(&Reader::View(view));
        }
        let mut edits = Vec::new();
        let mut drops = Vec::new();
        for (view, fate) in fates {
            match fate {
                Fate::Put(content) => edits.push(Edit::Put { view, content }),
                Fate::Drop => drops.push(Edit::Drop { view }),
            }
        }
        let opened = born.difference(&stillborn);
        edits.extend(opened.map(|audience| Edit::Open {
            audience: *audience,
        }));
        edits.extend(unlists);
        edits.extend(lists);
        self.assign(&mut edits);
        edits.extend(late);
        edits.extend(drops);
        edits
    }

    fn assign(&mut self, edits: &mut Vec<Edit>) {
        for proxy in std::mem::take(&mut self.moved) {
            if let Some(open) = self.proxies.get(&proxy) {
                let audiences = open
                    .audiences
                    .iter()
                    .filter_map(|key| self.audiences.get(key))
                    .map(|audience| audience.id)
                    .collect();
                edits.push(Edit::Assign { proxy, audiences });
            }
        }
    }
}

impl Inline {
    fn none() -> Self {
        Self {
            hosts: Vec::new(),
            fallback: UnknownHosts::Refused,
        }
    }
}
