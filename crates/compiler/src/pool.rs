//! Plans shared by the scopes that have equal ones: most namespaces see most hosts alike.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use ferromesh_mesh::name::Hostname;

use crate::link::plan::Plan;

/// The different plans that there are for each host.
#[derive(Debug, Default)]
pub(crate) struct PlanPool {
    by_host: HashMap<Hostname, Vec<Weak<Plan>>>,
}

impl PlanPool {
    /// The same plan, shared with the scopes that have an equal one.
    pub(crate) fn share(&mut self, host: &Hostname, plan: Plan) -> Arc<Plan> {
        let variants = self.by_host.entry(host.clone()).or_default();
        variants.retain(|variant| variant.strong_count() > 0);
        let equal = variants
            .iter()
            .filter_map(Weak::upgrade)
            .find(|variant| **variant == plan);
        equal.unwrap_or_else(|| {
            let plan = Arc::new(plan);
            variants.push(Arc::downgrade(&plan));
            plan
        })
    }

    /// Nobody has a plan for a host any more.
    pub(crate) fn forget(&mut self, host: &Hostname) {
        self.by_host.remove(host);
    }
}
