//! The compiler itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferromesh_mesh::diagnostic::Diagnostic;
use ferromesh_mesh::origin::ObjectRef;
use ferromesh_mesh::unit::Unit;
use ferromesh_mesh::view::View;

use crate::edit::{Edit, ProxyId, ViewId};
use crate::proxy::Proxy;

/// Units in, views out.
#[derive(Debug, Default)]
pub struct Compiler {
    units: BTreeMap<Arc<ObjectRef>, Arc<Unit>>,
    proxies: BTreeMap<ProxyId, Proxy>,
    next_proxy: u64,
}

impl Compiler {
    /// Nothing declared, nobody there.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes all that an object says, in place of what it said before.
    pub fn replace(&mut self, unit: Arc<Unit>) {
        self.units.insert(unit.object.clone(), unit);
    }

    /// Forgets what an object said.
    pub fn remove(&mut self, object: &ObjectRef) {
        self.units.remove(object);
    }

    /// A proxy is there. Its views come with the next [`Self::compile`].
    pub fn open(&mut self, proxy: Proxy) -> ProxyId {
        let id = ProxyId::new(self.next_proxy);
        self.next_proxy += 1;
        self.proxies.insert(id, proxy);
        id
    }

    /// A proxy is gone.
    pub fn close(&mut self, proxy: ProxyId) {
        self.proxies.remove(&proxy);
    }

    /// Everything that changed since the last call, in an order that can be applied one by one.
    pub fn compile(&mut self) -> Vec<Edit> {
        Vec::new()
    }

    /// Faults between objects, sorted.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        Vec::new()
    }

    /// A view that some audience lists.
    pub fn view(&self, _view: ViewId) -> Option<&View> {
        None
    }
}
