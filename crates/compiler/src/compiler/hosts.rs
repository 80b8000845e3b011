//! From questions to facts about hosts.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_mesh::name::Hostname;

use super::Compiler;
use crate::index::Dirty;
use crate::index::reading::Reading;
use crate::link::facts::Facts;
use crate::question::Question;
use crate::readers::Reader;

impl Compiler {
    /// Gathers the facts about hosts again, and returns those that differ, came or went. Facts
    /// are only kept while there is somebody to tell.
    pub(super) fn refresh_hosts(
        &mut self,
        dirty: &Dirty,
        stale: BTreeSet<Hostname>,
    ) -> BTreeSet<Hostname> {
        let mut changed = BTreeSet::new();
        for question in dirty {
            let (Question::Services(host) | Question::Routes(host)) = question else {
                continue;
            };
            let was_known = self.hosts.contains_key(host);
            match (was_known, self.index.knows(host)) {
                (false, true) => {
                    self.gather(host);
                    changed.insert(host.clone());
                }
                (true, false) => {
                    self.hosts.remove(host);
                    self.plans.forget(host);
                    self.readers.forget(&Reader::Facts(host.clone()));
                    changed.insert(host.clone());
                }
                (true, true) | (false, false) => {}
            }
        }
        for host in stale {
            if self.hosts.contains_key(&host) && !changed.contains(&host) && self.gather(&host) {
                changed.insert(host);
            }
        }
        changed
    }

    /// Gathers the facts about a host. Returns whether they differ.
    fn gather(&mut self, host: &Hostname) -> bool {
        #[cfg(test)]
        {
            self.work.gathered += 1;
        }
        let mut reading = Reading::new(&self.index);
        let facts = Facts::gather(host, &mut reading);
        self.readers
            .record(&Reader::Facts(host.clone()), reading.into_asked());
        let differs = self.hosts.get(host).is_none_or(|before| **before != facts);
        self.hosts.insert(host.clone(), Arc::new(facts));
        differs
    }
}
