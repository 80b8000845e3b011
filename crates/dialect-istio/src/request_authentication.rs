//! RequestAuthentication.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferromesh_api::part::Part;
use ferromesh_api::{Object, istio};
use ferromesh_mesh::decl::Declaration;
use ferromesh_mesh::decl::request_authentication::RequestAuthentication;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::jwt::{JwtRule, KeySource};

use crate::target::{Target, Written};
use crate::{faults, jwt};

/// Lowers a RequestAuthentication. If it is unsound beside its rules, nobody's tokens are valid:
/// they must not be accepted where the author did not mean it. (It is in force only if no sound
/// one was before.)
pub fn lower(object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    let spec = Path::Root("spec");
    let policy = faults::read::<istio::RequestAuthentication>(object.spec(), &spec, remarks);
    let Some(policy) = policy else {
        return Vec::new();
    };
    let istio::RequestAuthentication {
        selector,
        target_ref,
        target_refs,
        jwt_rules,
    } = policy;
    let written = Written {
        selector: selector.as_ref(),
        one: target_ref.as_ref(),
        many: &target_refs,
    };
    let target = written.lower(&spec, remarks);
    let is_sound = !remarks.has_errors();
    let mut rules = lower_rules(&jwt_rules, &spec.field("jwtRules"), remarks);
    if !is_sound {
        for rule in &mut rules {
            rule.keys = KeySource::Nobody;
        }
    }
    let Target::Workloads(selector) = target else {
        return Vec::new();
    };
    let metadata = &object.metadata;
    vec![Declaration::RequestAuthentication(Arc::new(
        RequestAuthentication {
            namespace: Namespace::from(metadata.namespace.as_str()),
            name: Arc::from(metadata.name.as_str()),
            selector,
            rules,
            age: Age::new(
                &metadata.creation_timestamp,
                &metadata.name,
                &metadata.namespace,
            ),
            origin: remarks.origin(&spec),
        },
    ))]
}

fn lower_rules(
    rules: &[Part<istio::JwtRule>],
    at: &Path<'_>,
    remarks: &mut Remarks,
) -> Vec<JwtRule> {
    let mut issuers = BTreeSet::new();
    let mut lowered = Vec::with_capacity(rules.len());
    for (index, part) in rules.iter().enumerate() {
        let at = at.item(index);
        let Some(rule) = jwt::lower(part, &at, remarks) else {
            continue;
        };
        if !issuers.insert(rule.issuer.clone()) {
            remarks.warning(
                &at.field("issuer"),
                "duplicate-issuer",
                "is written before: a token is valid if either rule accepts it",
            );
        }
        lowered.push(rule);
    }
    lowered
}
