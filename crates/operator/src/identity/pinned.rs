//! What a running control plane doesn't change: the trust domain. Certificates, the names in them and what proxies expect of
//! each other bear it, so another one counts from the next start on, and until then the configuration says so.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_dialects::default_units;
use ferromesh_identity::TrustDomain;
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::decl::mesh_config::MeshConfig;
use ferromesh_mesh::diagnostic::{Diagnostic, Severity};
use ferromesh_mesh::origin::ObjectRef;
use ferromesh_mesh::unit::Unit;
use ferromesh_xds_server::Change;

/// The trust domain of a running control plane.
#[derive(Debug)]
pub struct Pinned {
    trust_domain: TrustDomain,
    /// The objects that configure the mesh.
    configurations: BTreeSet<Arc<ObjectRef>>,
}

/// The objects of changes that configure the mesh.
pub fn configurations(changes: &[Change]) -> BTreeSet<Arc<ObjectRef>> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::Replace(unit) if configures(unit) => Some(Arc::clone(&unit.object)),
            Change::Replace(_) | Change::Remove(_) => None,
        })
        .collect()
}

fn configures(unit: &Unit) -> bool {
    unit.declarations
        .iter()
        .any(|it| matches!(it, Declaration::MeshConfig(_)))
}

impl Pinned {
    /// From now on it is this one. These objects configure the mesh at first.
    pub fn new(trust_domain: TrustDomain, configurations: BTreeSet<Arc<ObjectRef>>) -> Self {
        Self {
            trust_domain,
            configurations,
        }
    }

    /// The change, without that of the trust domain.
    pub fn hold(&mut self, change: Change) -> Change {
        match change {
            Change::Replace(unit) => Change::Replace(self.hold_unit(unit)),
            Change::Remove(object) => match self.hold_removed(&object) {
                Some(unit) => Change::Replace(unit),
                None => Change::Remove(object),
            },
        }
    }

    fn hold_unit(&mut self, unit: Arc<Unit>) -> Arc<Unit> {
        if !configures(&unit) {
            return unit;
        }
        self.configurations.insert(Arc::clone(&unit.object));
        let moves = |it: &Declaration| {
            matches!(it, Declaration::MeshConfig(config)
                if config.security.trust_domain != self.trust_domain)
        };
        if !unit.declarations.iter().any(moves) {
            return unit;
        }
        let mut unit = Unit::clone(&unit);
        for declaration in &mut unit.declarations {
            if let Declaration::MeshConfig(config) = declaration
                && config.security.trust_domain != self.trust_domain
            {
                let wanted = config.security.trust_domain.clone();
                self.hold_config(Arc::make_mut(config));
                unit.diagnostics.push(self.remark(&unit.object, &wanted));
            }
        }
        Arc::new(unit)
    }

    /// What stands for a configuration that is gone, if its trust domain was not the usual one.
    fn hold_removed(&mut self, object: &Arc<ObjectRef>) -> Option<Arc<Unit>> {
        if !self.configurations.remove(object) {
            return None;
        }
        let mut usual = default_units().into_iter().find(configures)?;
        usual.object = Arc::clone(object);
        let held = self.hold_unit(Arc::new(usual));
        self.configurations.remove(object);
        // Without a remark nothing is held.
        (!held.diagnostics.is_empty()).then_some(held)
    }

    fn hold_config(&self, config: &mut MeshConfig) {
        let security = &mut config.security;
        security.trust_domain = self.trust_domain.clone();
        // Who moves makes the old name an alias of the new one.
        let own = &self.trust_domain;
        security.trust_domain_aliases.retain(|alias| alias != own);
    }

    fn remark(&self, object: &Arc<ObjectRef>, wanted: &TrustDomain) -> Diagnostic {
        let own = &self.trust_domain;
        Diagnostic {
            severity: Severity::Warning,
            code: "needs-restart",
            object: Some(Arc::clone(object)),
            path: Arc::from("trustDomain"),
            message: format!(
                "{wanted} does not count yet: this control plane has begun with {own}, and goes on with it"
            ),
            hint: Some(format!(
                "restart the control plane, and the agents with --trust-domain {wanted}; keep {own} among trustDomainAliases as long as anybody has such a certificate"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(name: &str) -> TrustDomain {
        TrustDomain::new(name).expect("a trust domain")
    }

    fn object(name: &str) -> Arc<ObjectRef> {
        Arc::new(ObjectRef {
            group: Arc::from(""),
            kind: Arc::from("MeshConfig"),
            namespace: Arc::from(""),
            name: Arc::from(name),
        })
    }

    fn configuration(trust_domain: &str, aliases: &[&str]) -> Change {
        let usual = default_units().into_iter().find(configures).expect("one");
        let [Declaration::MeshConfig(config)] = usual.declarations.as_slice() else {
            panic!("{usual:?}");
        };
        let mut config = MeshConfig::clone(config);
        config.security.trust_domain = domain(trust_domain);
        config.security.trust_domain_aliases = aliases.iter().map(|name| domain(name)).collect();
        Change::Replace(Arc::new(Unit {
            object: object("mesh"),
            declarations: vec![Declaration::MeshConfig(Arc::new(config))],
            diagnostics: Vec::new(),
        }))
    }

    /// The trust domain and the aliases of a change, and the fields that it remarks on.
    fn told(change: Change) -> (String, Vec<String>, Vec<String>) {
        let Change::Replace(unit) = change else {
            panic!("it is gone");
        };
        let [Declaration::MeshConfig(config)] = unit.declarations.as_slice() else {
            panic!("{unit:?}");
        };
        let security = &config.security;
        let aliases = security.trust_domain_aliases.iter();
        let paths = unit.diagnostics.iter().map(|it| it.path.to_string());
        (
            security.trust_domain.to_string(),
            aliases.map(ToString::to_string).collect(),
            paths.collect(),
        )
    }

    #[test]
    fn another_trust_domain_waits() {
        let mut pinned = Pinned::new(domain("old.example"), BTreeSet::new());
        let same = pinned.hold(configuration("old.example", &["a.example"]));
        let none: Vec<String> = Vec::new();
        let a = vec!["a.example".to_owned()];
        assert_eq!(told(same), ("old.example".to_owned(), a.clone(), none));
        let other = pinned.hold(configuration("new.example", &["a.example", "old.example"]));
        let remarks = vec!["trustDomain".to_owned()];
        assert_eq!(told(other), ("old.example".to_owned(), a, remarks));
    }

    #[test]
    fn a_configuration_that_is_gone_leaves_the_trust_domain() {
        let begun = configurations(&[configuration("old.example", &[])]);
        let mut pinned = Pinned::new(domain("old.example"), begun);
        let (trust_domain, _, remarks) = told(pinned.hold(Change::Remove(object("mesh"))));
        assert_eq!(trust_domain, "old.example");
        assert_eq!(remarks, ["trustDomain"]);
        // What is nothing of the mesh goes.
        let other = pinned.hold(Change::Remove(object("other")));
        assert!(matches!(other, Change::Remove(_)));
        let mut pinned = Pinned::new(TrustDomain::default(), BTreeSet::new());
        drop(pinned.hold(configuration("cluster.local", &[])));
        let usual = pinned.hold(Change::Remove(object("mesh")));
        assert!(matches!(usual, Change::Remove(_)));
    }
}
