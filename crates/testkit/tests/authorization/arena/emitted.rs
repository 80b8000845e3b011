//! What the probe makes of a case, and what it looks at.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use ferromesh_compiler::acceptance::Acceptance;
use ferromesh_compiler::{Certificates, Compiler, Interception, Proxy, Tables};
use ferromesh_envoy::Message;
use ferromesh_envoy::listener::Listener;
use ferromesh_kube_source::directory;
use ferromesh_mesh::name::{Namespace, WorkloadName};
use ferromesh_target_envoy::Kind as Resource;
use ferromesh_testkit::replica::Replica;
use serde_json::{Value, json};

use super::{Arena, DETECT, HTTP, Outcome, TCP};
use crate::requests::Case;

impl Arena {
    /// What the probe makes of a case.
    pub fn probe(&self, listeners: &BTreeMap<u16, Listener>, case: &Case) -> Outcome {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        let request = case.asked_of_probe(self.address(case.port), now);
        let verdict = ferromesh_probe::ask(&listeners[&case.port], &request);
        match verdict.outcome {
            ferromesh_probe::Outcome::Allowed => Outcome::Allowed,
            ferromesh_probe::Outcome::Denied { status: 400, .. } => Outcome::BadRequest,
            ferromesh_probe::Outcome::Denied { status: 403, .. } => Outcome::Denied,
            ferromesh_probe::Outcome::Challenged { .. } => Outcome::Challenged,
            ferromesh_probe::Outcome::Reset { .. } => Outcome::Reset,
            other => panic!("{other:?} for {case:?}"),
        }
    }

    /// The listeners as they would be for these policies; `None` if one of these is refused.
    pub fn emitted_for(&self, objects: &[Value]) -> Option<BTreeMap<u16, Listener>> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.mesh
            .manifests()
            .write("policies.json", &list.to_string());
        self.compiled()
    }

    /// The server's listeners by port, as they are emitted for the manifests as they are now.
    pub fn emitted(&self) -> BTreeMap<u16, Listener> {
        self.compiled().expect("no manifest is refused")
    }

    fn compiled(&self) -> Option<BTreeMap<u16, Listener>> {
        let objects = directory::load(&[self.mesh.manifests().path()], "default").objects;
        let mut acceptance = Acceptance::new();
        let mut compiler = Compiler::new();
        for unit in ferromesh_dialects::default_units() {
            compiler.replace(acceptance.replace(unit.into()).expect("a unit in force"));
        }
        for located in &objects {
            let unit = ferromesh_dialects::lower(&located.object);
            if unit.is_refused() {
                return None;
            }
            if let Some(unit) = acceptance.replace(unit.into()) {
                compiler.replace(unit);
            }
        }
        let settings = self.server.settings();
        let proxy = compiler.open(Proxy {
            workload: WorkloadName {
                namespace: Namespace::from(&*settings.namespace),
                name: settings.name.as_str().into(),
            },
            interception: Interception::None(ferromesh_compiler::Bound {
                inbound: settings.address,
                app: settings.app,
                outbound: settings.outbound,
                http_proxy_port: None,
            }),
            tables: Tables::Separate,
            certificates: Certificates::Sds,
        });
        let mut replica = Replica::default();
        replica.apply(compiler.compile());
        let mut listeners = BTreeMap::new();
        for ((kind, name), body) in replica.served(proxy) {
            if kind == Resource::Listener {
                let listener = Listener::decode(&*body).expect("a listener");
                for port in [HTTP, TCP, DETECT] {
                    if name == format!("{}_{port}", settings.address) {
                        listeners.insert(port, listener.clone());
                    }
                }
            }
        }
        assert_eq!(listeners.len(), 3, "each port has a listener");
        Some(listeners)
    }
}
