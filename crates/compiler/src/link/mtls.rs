//! Which connections a workload's ports take.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::decl::Labels;
use ferromesh_mesh::decl::peer_authentication::PeerAuthentication;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::policy::mtls::{MtlsMode, MtlsSetting};

use crate::identity::Seniority;
use crate::index::reading::Reading;
use crate::question::pairs;

/// What policies say about a workload, the narrowest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PeerModes {
    /// The oldest that selects it.
    workload: Option<Arc<PeerAuthentication>>,
    /// The oldest of its namespace without selector.
    namespace: Option<Arc<PeerAuthentication>>,
    /// The oldest of the root namespace without selector.
    root: Option<Arc<PeerAuthentication>>,
}

impl PeerModes {
    /// What policies say about a workload.
    pub(crate) fn of(namespace: &Namespace, labels: &Labels, reading: &mut Reading<'_>) -> Self {
        let root = &reading.mesh().root_namespace;
        let mut selecting: BTreeMap<&Seniority, &Arc<PeerAuthentication>> = BTreeMap::new();
        for author in [namespace, root] {
            for pair in pairs(labels) {
                let found = reading.peer_authentications(author, pair);
                selecting.extend(found.filter(|(_, peers)| {
                    !peers.selector.is_empty() && peers.selector.selects(labels)
                }));
            }
        }
        let mut general = |author| {
            reading
                .peer_authentications(author, None)
                .find(|(_, peers)| peers.selector.is_empty())
                .map(|(_, peers)| peers.clone())
        };
        Self {
            workload: selecting.into_values().next().cloned(),
            namespace: general(namespace),
            root: general(root),
        }
    }

    /// What a port takes.
    pub(crate) fn port(&self, port: u16) -> MtlsMode {
        let own = self.workload.as_ref().and_then(|w| w.ports.get(&port));
        match own {
            Some(MtlsSetting::Mode(mode)) => *mode,
            Some(MtlsSetting::Inherit) | None => self.rest(),
        }
    }

    /// What ports take of which nobody says anything.
    pub(crate) fn rest(&self) -> MtlsMode {
        [&self.workload, &self.namespace, &self.root]
            .into_iter()
            .flatten()
            .find_map(|peers| match peers.mode {
                MtlsSetting::Mode(mode) => Some(mode),
                MtlsSetting::Inherit => None,
            })
            .unwrap_or(MtlsMode::Permissive)
    }

    /// The ports of which somebody says something.
    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> + '_ {
        self.workload
            .iter()
            .flat_map(|peers| peers.ports.keys().copied())
    }

    /// The policy that selects the workload.
    pub(crate) fn own(&self) -> Option<&Arc<PeerAuthentication>> {
        self.workload.as_ref()
    }

    /// The policy that says what a port takes.
    pub(crate) fn source(&self, port: u16) -> Option<&Arc<PeerAuthentication>> {
        let says = |setting: &MtlsSetting| *setting != MtlsSetting::Inherit;
        let on_port = |w: &&Arc<PeerAuthentication>| w.ports.get(&port).is_some_and(says);
        self.workload.as_ref().filter(on_port).or_else(|| {
            [&self.workload, &self.namespace, &self.root]
                .into_iter()
                .flatten()
                .find(|peers| says(&peers.mode))
        })
    }
}

/// Whether instances of a namespace speak the mesh's TLS, as far as policies forbid it: nearly
/// nobody does, so that this costs two questions for all instances of a cluster.
#[derive(Debug)]
pub(crate) struct Plaintext {
    namespace: Namespace,
    /// By labels; `None` = nobody forbids it.
    modes: Option<BTreeMap<Arc<Labels>, PeerModes>>,
}

impl Plaintext {
    /// What the policies for a namespace forbid.
    pub(crate) fn of(namespace: &Namespace, reading: &mut Reading<'_>) -> Self {
        let root = &reading.mesh().root_namespace;
        let forbidden = [namespace, root].map(|author| reading.has_plaintext(author));
        Self {
            namespace: namespace.clone(),
            modes: forbidden.contains(&true).then(BTreeMap::new),
        }
    }

    /// Whether nobody forbids it.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.modes.is_none()
    }

    /// Whether the port of an instance with these labels is forbidden to speak it.
    pub(crate) fn holds(
        &mut self,
        labels: &Arc<Labels>,
        port: u16,
        reading: &mut Reading<'_>,
    ) -> bool {
        let Some(modes) = &mut self.modes else {
            return false;
        };
        let found = match modes.get(labels) {
            Some(known) => known.port(port),
            None => {
                let new = PeerModes::of(&self.namespace, labels, reading);
                let mode = new.port(port);
                modes.insert(labels.clone(), new);
                mode
            }
        };
        found == MtlsMode::Disable
    }
}
