//! Who is behind a name: the accounts of a service's instances, counted, so that a change of an
//! address, which leaves them equal, stops here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::decl::endpoints::{Endpoint, Endpoints, Identity};
use ferromesh_mesh::decl::service::{Registry, Resolution, Service};
use ferromesh_mesh::decl::workload::{PeerTls, Workload, WorkloadKind};
use ferromesh_mesh::name::{Hostname, Namespace, ServiceAccount, WorkloadName};

use super::multimap::Multimap;
use super::{Dirty, Index};
use crate::question::{Question, index_pair, pairs};

/// A service by namespace and host.
type Named = (Namespace, Hostname);

/// Who an instance is, as far as its clients verify it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Peer {
    /// Its namespace.
    pub(crate) namespace: Namespace,
    /// Its account; empty if it has none, or is unknown.
    pub(crate) account: ServiceAccount,
    /// Whether it speaks the mesh's TLS.
    pub(crate) tls: PeerTls,
}

/// How an instance refers to a workload that is declared by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Reference {
    Name(WorkloadName),
    Address(Namespace, Arc<str>),
}

/// Who is behind which service.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    behind: Multimap<Named, Peer, usize>,
    /// Which services list a workload, and how often.
    listed: Multimap<Reference, Named, usize>,
    /// Whether a peer was there when the counts began to move.
    touched: HashMap<Named, BTreeMap<Peer, bool>>,
}

impl Peer {
    fn of(workload: &Workload) -> Self {
        Self {
            namespace: workload.name.namespace.clone(),
            account: workload.service_account.clone(),
            tls: workload.peer_tls,
        }
    }

    fn unknown(namespace: &Namespace) -> Self {
        Self {
            namespace: namespace.clone(),
            account: ServiceAccount::from(""),
            tls: PeerTls::Plain,
        }
    }
}

impl Peers {
    /// Who is behind a service.
    pub(crate) fn behind<'p>(&'p self, named: &Named) -> impl Iterator<Item = &'p Peer> + use<'p> {
        self.behind.get(named).map(|(peer, _)| peer)
    }

    fn count(&mut self, named: &Named, peer: &Peer, more: bool) {
        let moved = if more {
            self.behind.count_up(named.clone(), peer.clone())
        } else {
            self.behind.count_down(named, peer)
        };
        if moved {
            let touched = self.touched.entry(named.clone()).or_default();
            touched.entry(peer.clone()).or_insert(!more);
        }
    }

    /// Adds the questions whose answers differ from what they were when this was last called.
    pub(super) fn settle(&mut self, dirty: &mut Dirty) {
        for (named, peers) in std::mem::take(&mut self.touched) {
            let differs = |(peer, before): (&Peer, &bool)| {
                let now = self.behind.contains(&named, peer);
                now != *before
            };
            if peers.iter().any(differs) {
                dirty.insert(Question::Peers(named.0, named.1));
            }
        }
    }
}

impl Index {
    /// Counts the instances that a declaration lists and did not list before, and the other way
    /// round.
    pub(super) fn relist(&mut self, before: Option<&Declaration>, after: Option<&Declaration>) {
        let endpoints = |declaration: Option<&Declaration>| match declaration {
            Some(Declaration::Endpoints(endpoints)) => Some(endpoints.clone()),
            _ => None,
        };
        let (before, after) = (endpoints(before), endpoints(after));
        let mut gone = before.as_ref().map_or(&[][..], |e| &e.instances);
        let mut come = after.as_ref().map_or(&[][..], |e| &e.instances);
        if let (Some(before), Some(after)) = (&before, &after)
            && before.host == after.host
            && before.namespace == after.namespace
        {
            (gone, come) = differing(gone, come);
        }
        let each = |list: &[Endpoint], of: &Option<Arc<Endpoints>>, index: &mut Self, more| {
            if let Some(of) = of {
                for instance in list {
                    index.list(of, instance, more);
                }
            }
        };
        each(gone, &before, self, false);
        each(come, &after, self, true);
    }

    fn list(&mut self, endpoints: &Endpoints, instance: &Endpoint, more: bool) {
        let named = (endpoints.namespace.clone(), endpoints.host.clone());
        let reference = match &instance.identity {
            Identity::Inline {
                labels: _,
                locality: _,
                network: _,
                peer_tls,
                service_account,
                weight: _,
            } => {
                let peer = Peer {
                    namespace: endpoints.namespace.clone(),
                    account: service_account.clone(),
                    tls: *peer_tls,
                };
                self.peers.count(&named, &peer, more);
                return;
            }
            Identity::Workload(name) => Reference::Name(name.clone()),
            Identity::ByAddress => {
                Reference::Address(endpoints.namespace.clone(), instance.address.clone())
            }
        };
        let peer = self.referred(&reference);
        self.peers.count(&named, &peer, more);
        if more {
            self.peers.listed.count_up(reference, named);
        } else {
            self.peers.listed.count_down(&reference, &named);
        }
    }

    fn referred(&self, reference: &Reference) -> Peer {
        let (workload, namespace) = match reference {
            Reference::Name(name) => (
                self.workloads.get(name).map(|(_, w)| w).next(),
                &name.namespace,
            ),
            Reference::Address(namespace, address) => {
                let key = (namespace.clone(), address.clone());
                (self.addresses.get(&key).map(|(_, w)| w).next(), namespace)
            }
        };
        workload.map_or_else(|| Peer::unknown(namespace), |found| Peer::of(found))
    }

    /// Lets a workload come or go, and counts who is behind the services that list or select it.
    pub(super) fn around_workload(
        &mut self,
        workload: &Arc<Workload>,
        more: bool,
        change: impl FnOnce(&mut Self),
    ) {
        let namespace = &workload.name.namespace;
        let addresses = workload
            .addresses
            .iter()
            .map(|address| Reference::Address(namespace.clone(), address.clone()));
        let before: Vec<(Reference, Peer)> =
            std::iter::once(Reference::Name(workload.name.clone()))
                .chain(addresses)
                .filter(|reference| self.peers.listed.get(reference).next().is_some())
                .map(|reference| {
                    let peer = self.referred(&reference);
                    (reference, peer)
                })
                .collect();
        change(self);
        for (reference, old) in before {
            let new = self.referred(&reference);
            if old != new {
                let listed: Vec<(Named, usize)> = self
                    .peers
                    .listed
                    .get(&reference)
                    .map(|(named, count)| (named.clone(), *count))
                    .collect();
                for (named, count) in listed {
                    for _ in 0..count {
                        self.peers.count(&named, &old, false);
                        self.peers.count(&named, &new, true);
                    }
                }
            }
        }
        let peer = Peer::of(workload);
        for pair in pairs(&workload.labels) {
            let selecting: Vec<Named> = self
                .selecting
                .get(&(namespace.clone(), pair))
                .map(|(_, service)| service)
                .filter(|service| takes(service, workload))
                .map(|service| (service.namespace.clone(), service.host.clone()))
                .collect();
            for named in selecting {
                self.peers.count(&named, &peer, more);
            }
        }
    }

    /// Counts the workloads that a service selects.
    pub(super) fn select(&mut self, service: &Service, more: bool) {
        let Some(selector) = &service.selector else {
            return;
        };
        let named = (service.namespace.clone(), service.host.clone());
        for kind in [WorkloadKind::Pod, WorkloadKind::Entry] {
            if !takes_kind(service, kind) {
                continue;
            }
            let key = (service.namespace.clone(), kind, index_pair(selector));
            let selected: Vec<Peer> = self
                .labelled
                .get(&key)
                .map(|(_, workload)| workload)
                .filter(|workload| takes(service, workload))
                .map(|workload| Peer::of(workload))
                .collect();
            for peer in selected {
                self.peers.count(&named, &peer, more);
            }
        }
    }
}

/// Whether workloads of a kind are instances of a service that selects them.
fn takes_kind(service: &Service, kind: WorkloadKind) -> bool {
    match (&service.resolution, kind) {
        (Resolution::Workloads, _) => true,
        (Resolution::Declared, WorkloadKind::Entry) => service.registry == Registry::Kubernetes,
        _ => false,
    }
}

fn takes(service: &Service, workload: &Workload) -> bool {
    takes_kind(service, workload.kind)
        && service
            .selector
            .as_ref()
            .is_some_and(|selector| selector.selects(&workload.labels))
}

/// What is left of two lists when what they begin and end with alike is taken away: most edits
/// of a slice concern one instance.
fn differing<'e>(one: &'e [Endpoint], other: &'e [Endpoint]) -> (&'e [Endpoint], &'e [Endpoint]) {
    let same = |(a, b): &(&Endpoint, &Endpoint)| a.identity == b.identity && a.address == b.address;
    let start = one.iter().zip(other).take_while(same).count();
    let (one, other) = (
        one.get(start..).unwrap_or_default(),
        other.get(start..).unwrap_or_default(),
    );
    let end = one
        .iter()
        .rev()
        .zip(other.iter().rev())
        .take_while(same)
        .count();
    let cut = |list: &'e [Endpoint]| list.get(..list.len() - end).unwrap_or_default();
    (cut(one), cut(other))
}
