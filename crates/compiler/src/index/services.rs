//! Services and their instances.

use std::sync::Arc;

use ferromesh_mesh::decl::endpoints::Endpoints;
use ferromesh_mesh::decl::service::Service;

use super::{Dirty, Index, ServiceRank, seniority};
use crate::identity::DeclId;
use crate::link::domains;
use crate::question::{Question, index_pair};

impl Index {
    pub(super) fn insert_service(
        &mut self,
        id: &DeclId,
        service: &Arc<Service>,
        dirty: &mut Dirty,
    ) {
        let rank = rank(id, service);
        self.services
            .insert(service.host.clone(), rank.clone(), service.clone());
        dirty.insert(Question::Services(service.host.clone()));
        for pattern in service.host.patterns() {
            let count = self.covered.entry(pattern.clone()).or_insert(0);
            *count += 1;
            if *count == 1 {
                dirty.insert(Question::Covered(pattern));
            }
        }
        for domain in domains::wanted(service) {
            if self.domains.count_up(domain.clone(), service.host.clone()) {
                dirty.insert(Question::Domain(domain));
            }
        }
        if let Some(selector) = &service.selector {
            let pair = index_pair(selector);
            let key = (service.namespace.clone(), pair.clone());
            self.selecting.insert(key, rank, service.clone());
            dirty.insert(Question::Selecting(service.namespace.clone(), pair));
        }
        self.select(service, true);
    }

    pub(super) fn remove_service(
        &mut self,
        id: &DeclId,
        service: &Arc<Service>,
        dirty: &mut Dirty,
    ) {
        let rank = rank(id, service);
        self.select(service, false);
        self.services.remove(&service.host, &rank);
        dirty.insert(Question::Services(service.host.clone()));
        for pattern in service.host.patterns() {
            if let Some(count) = self.covered.get_mut(&pattern) {
                *count -= 1;
                if *count == 0 {
                    self.covered.remove(&pattern);
                    dirty.insert(Question::Covered(pattern));
                }
            }
        }
        for domain in domains::wanted(service) {
            if self.domains.count_down(&domain, &service.host) {
                dirty.insert(Question::Domain(domain));
            }
        }
        if let Some(selector) = &service.selector {
            let pair = index_pair(selector);
            self.selecting
                .remove(&(service.namespace.clone(), pair.clone()), &rank);
            dirty.insert(Question::Selecting(service.namespace.clone(), pair));
        }
    }

    pub(super) fn insert_endpoints(
        &mut self,
        id: &DeclId,
        endpoints: &Arc<Endpoints>,
        dirty: &mut Dirty,
    ) {
        let key = (endpoints.namespace.clone(), endpoints.host.clone());
        self.instances
            .insert(key.clone(), id.clone(), endpoints.clone());
        dirty.insert(Question::Instances(key.0.clone(), key.1.clone()));
        if has_hints(endpoints) {
            let count = self.hinted.entry(key.clone()).or_insert(0);
            *count += 1;
            if *count == 1 {
                dirty.insert(Question::Hinted(key.0, key.1));
            }
        }
    }

    pub(super) fn remove_endpoints(
        &mut self,
        id: &DeclId,
        endpoints: &Arc<Endpoints>,
        dirty: &mut Dirty,
    ) {
        let key = (endpoints.namespace.clone(), endpoints.host.clone());
        self.instances.remove(&key, id);
        dirty.insert(Question::Instances(key.0.clone(), key.1.clone()));
        if has_hints(endpoints)
            && let Some(count) = self.hinted.get_mut(&key)
        {
            *count -= 1;
            if *count == 0 {
                self.hinted.remove(&key);
                dirty.insert(Question::Hinted(key.0, key.1));
            }
        }
    }
}

pub(super) fn rank(id: &DeclId, service: &Service) -> ServiceRank {
    ServiceRank {
        registry: service.registry,
        seniority: seniority(id, &service.age),
    }
}

fn has_hints(endpoints: &Endpoints) -> bool {
    endpoints
        .instances
        .iter()
        .any(|instance| !instance.for_zones.is_empty())
}
