//! Policies that guard workloads, by whom they select, and the keys that verify tokens.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ferromesh_mesh::decl::authorization::AuthorizationPolicy;
use ferromesh_mesh::decl::key_set::KeySet;
use ferromesh_mesh::decl::peer_authentication::PeerAuthentication;
use ferromesh_mesh::decl::request_authentication::RequestAuthentication;
use ferromesh_mesh::decl::{Declaration, Selector};
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::policy::authorization::Action;
use ferromesh_mesh::policy::jwt::KeySource;
use ferromesh_mesh::policy::mtls::{MtlsMode, MtlsSetting};

use super::multimap::Multimap;
use super::{Dirty, seniority};
use crate::identity::{DeclId, Seniority};
use crate::question::{Pair, Question, index_pair};

/// The part of a policy that decides whom it concerns. An edit that leaves it equal touches only
/// the listeners that carry what the policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    /// The policy.
    pub(crate) id: DeclId,
    /// The author's namespace.
    pub(crate) namespace: Namespace,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Which workloads.
    pub(crate) selector: Selector,
    /// What kind of policy.
    pub(crate) kind: GuardKind,
}

/// What kind of policy guards a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GuardKind {
    /// An AuthorizationPolicy that asks nobody.
    Authorization,
    /// One that asks the external authorizer of this name.
    Custom(Arc<str>),
    /// A RequestAuthentication.
    Tokens,
}

/// All policies that guard workloads.
#[derive(Debug, Default)]
pub(crate) struct Guards {
    pub(super) peers: Multimap<(Namespace, Pair), Seniority, Arc<PeerAuthentication>>,
    pub(super) guards: Multimap<(Namespace, Pair), DeclId, Arc<Guard>>,
    /// How many policies of a namespace turn the mesh's TLS off.
    pub(super) plaintext: HashMap<Namespace, usize>,
    pub(super) providers: Multimap<Namespace, Arc<str>, usize>,
    pub(super) keys: Multimap<KeySource, DeclId, Arc<KeySet>>,
    /// Whose keys have to be fetched, and how long that may take.
    wanted: BTreeMap<(KeySource, Duration), usize>,
}

impl Guard {
    fn of(id: &DeclId, declaration: &Declaration) -> Option<Self> {
        let (namespace, name, selector, kind) = match declaration {
            Declaration::Authorization(policy) => {
                let AuthorizationPolicy {
                    namespace,
                    name,
                    selector,
                    action,
                    enforcement: _,
                    rules: _,
                    age: _,
                    origin: _,
                } = &**policy;
                let kind = match action {
                    Action::Custom(provider) => GuardKind::Custom(provider.clone()),
                    Action::Audit | Action::Deny | Action::Allow => GuardKind::Authorization,
                };
                (namespace, name, selector, kind)
            }
            Declaration::RequestAuthentication(policy) => {
                let RequestAuthentication {
                    namespace,
                    name,
                    selector,
                    rules: _,
                    age: _,
                    origin: _,
                } = &**policy;
                (namespace, name, selector, GuardKind::Tokens)
            }
            _ => return None,
        };
        Some(Self {
            id: id.clone(),
            namespace: namespace.clone(),
            name: name.clone(),
            selector: selector.clone(),
            kind,
        })
    }
}

impl Guards {
    /// Whether two versions of a policy concern the same workloads in the same way.
    pub(super) fn is_same(id: &DeclId, before: &Declaration, after: &Declaration) -> bool {
        let before = Guard::of(id, before);
        before.is_some() && before == Guard::of(id, after)
    }

    /// Takes a policy that guards workloads.
    pub(super) fn insert(&mut self, id: &DeclId, declaration: &Declaration, dirty: &mut Dirty) {
        self.want(declaration, true);
        let Some(guard) = Guard::of(id, declaration) else {
            return;
        };
        let key = (guard.namespace.clone(), index_pair(&guard.selector));
        if let GuardKind::Custom(provider) = &guard.kind
            && self.providers.count_up(key.0.clone(), provider.clone())
        {
            dirty.insert(Question::Providers(key.0.clone()));
        }
        self.guards.insert(key.clone(), id.clone(), Arc::new(guard));
        dirty.insert(Question::Guards(key.0, key.1));
    }

    /// Forgets a policy that guards workloads.
    pub(super) fn remove(&mut self, id: &DeclId, declaration: &Declaration, dirty: &mut Dirty) {
        self.want(declaration, false);
        let Some(guard) = Guard::of(id, declaration) else {
            return;
        };
        let key = (guard.namespace, index_pair(&guard.selector));
        if let GuardKind::Custom(provider) = &guard.kind
            && self.providers.count_down(&key.0, provider)
        {
            dirty.insert(Question::Providers(key.0.clone()));
        }
        self.guards.remove(&key, id);
        dirty.insert(Question::Guards(key.0, key.1));
    }

    pub(super) fn insert_peers(
        &mut self,
        id: &DeclId,
        peers: &Arc<PeerAuthentication>,
        dirty: &mut Dirty,
    ) {
        let namespace = &peers.namespace;
        let pair = index_pair(&peers.selector);
        if turns_off(peers) {
            let count = self.plaintext.entry(namespace.clone()).or_insert(0);
            *count += 1;
            if *count == 1 {
                dirty.insert(Question::Plaintext(namespace.clone()));
            }
        }
        self.peers.insert(
            (namespace.clone(), pair.clone()),
            seniority(id, &peers.age),
            peers.clone(),
        );
        dirty.insert(Question::Guards(namespace.clone(), pair));
    }

    pub(super) fn remove_peers(
        &mut self,
        id: &DeclId,
        peers: &PeerAuthentication,
        dirty: &mut Dirty,
    ) {
        let namespace = &peers.namespace;
        let pair = index_pair(&peers.selector);
        if turns_off(peers)
            && let Some(count) = self.plaintext.get_mut(namespace)
        {
            *count -= 1;
            if *count == 0 {
                self.plaintext.remove(namespace);
                dirty.insert(Question::Plaintext(namespace.clone()));
            }
        }
        self.peers.remove(
            &(namespace.clone(), pair.clone()),
            &seniority(id, &peers.age),
        );
        dirty.insert(Question::Guards(namespace.clone(), pair));
    }

    pub(super) fn insert_keys(&mut self, id: &DeclId, keys: &Arc<KeySet>, dirty: &mut Dirty) {
        self.keys
            .insert(keys.source.clone(), id.clone(), keys.clone());
        dirty.insert(Question::KeySet(keys.source.clone()));
    }

    pub(super) fn remove_keys(&mut self, id: &DeclId, keys: &KeySet, dirty: &mut Dirty) {
        self.keys.remove(&keys.source, id);
        dirty.insert(Question::KeySet(keys.source.clone()));
    }

    /// Counts the keys that a policy needs and does not have itself.
    pub(super) fn want(&mut self, declaration: &Declaration, more: bool) {
        let Declaration::RequestAuthentication(policy) = declaration else {
            return;
        };
        for rule in &policy.rules {
            match &rule.keys {
                KeySource::Uri(_) | KeySource::Issuer(_) => {}
                KeySource::Inline(_) | KeySource::Nobody => continue,
            }
            let key = (rule.keys.clone(), rule.fetch_timeout);
            if more {
                *self.wanted.entry(key).or_insert(0) += 1;
            } else if let Some(count) = self.wanted.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    self.wanted.remove(&key);
                }
            }
        }
    }

    /// Whose keys have to be fetched, and how long that may take: the most that any rule allows.
    pub(crate) fn wanted(&self) -> BTreeMap<KeySource, Duration> {
        self.wanted.keys().cloned().collect()
    }
}

/// Whether a policy turns the mesh's TLS off anywhere.
fn turns_off(peers: &PeerAuthentication) -> bool {
    let off = MtlsSetting::Mode(MtlsMode::Disable);
    peers.mode == off || peers.ports.values().any(|mode| *mode == off)
}
