//! AuthorizationPolicy.

use std::sync::Arc;

use ferromesh_api::istio::{self, AuthorizationAction};
use ferromesh_api::part::Part;
use ferromesh_api::{Object, object};
use ferromesh_mesh::decl::authorization::AuthorizationPolicy;
use ferromesh_mesh::decl::{Declaration, Selector};
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::name::Namespace;
use ferromesh_mesh::origin::Age;
use ferromesh_mesh::path::Path;
use ferromesh_mesh::policy::authorization::{Action, Enforcement, Rule};

use crate::authorization::{self, Scope, strictest};
use crate::faults;
use crate::target::{Target, Written};

/// The annotation of a policy that is only tried.
const DRY_RUN: &str = "istio.io/dry-run";

/// What a policy does, and to what.
struct Verdict {
    action: Action,
    rules: Vec<Rule>,
}

/// Lowers an AuthorizationPolicy. One that can't be understood as a whole becomes what is
/// strictest: an `ALLOW` without rules, a `DENY` or `CUSTOM` of everything, and a `DENY` of
/// everything if it isn't known which. (It is in force only if no sound one was before.)
pub fn lower(object: &Object, remarks: &mut Remarks) -> Vec<Declaration> {
    let spec = Path::Root("spec");
    // Whoever mistyped "spec" has a policy elsewhere, of which nothing is known.
    let is_lost = remarks.has_errors() && object.content.get("spec").is_none();
    let enforcement = lower_enforcement(&object.metadata, remarks);
    let policy = faults::read::<istio::AuthorizationPolicy>(object.spec(), &spec, remarks);
    let Some(policy) = policy.filter(|_| !is_lost) else {
        let verdict = deny_all(&spec, remarks);
        return declare(object, Selector::default(), verdict, enforcement, remarks);
    };
    let written = Written {
        selector: policy.selector.as_ref(),
        one: policy.target_ref.as_ref(),
        many: &policy.target_refs,
    };
    let target = written.lower(&spec, remarks);
    let verdict = lower_verdict(object, &policy, remarks);
    match target {
        Target::Workloads(selector) => declare(object, selector, verdict, enforcement, remarks),
        Target::Elsewhere => Vec::new(),
    }
}

/// What a policy does. It is unsound as a whole if anything but its rules is.
fn lower_verdict(
    object: &Object,
    policy: &istio::AuthorizationPolicy,
    remarks: &mut Remarks,
) -> Verdict {
    let istio::AuthorizationPolicy {
        selector: _,
        target_ref: _,
        target_refs: _,
        rules,
        action,
        provider,
    } = policy;
    let spec = Path::Root("spec");
    let at = spec.field("rules");
    let kind = match action {
        Some(action) => faults::read_part(action, &spec.field("action"), remarks),
        None => Some(AuthorizationAction::Allow),
    };
    let Some(kind) = kind else {
        // What else is wrong is told all the same.
        let scope = scope(object, AuthorizationAction::Audit);
        authorization::lower(rules, scope, &at, remarks);
        return deny_all(&spec, remarks);
    };
    let provider = lower_provider(provider.as_ref(), kind, &spec, remarks);
    refuse_without_rules(rules, kind, &at, remarks);
    let is_sound = !remarks.has_errors();
    let rules = authorization::lower(rules, scope(object, kind), &at, remarks);
    Verdict {
        action: lower_action(kind, provider),
        rules: if is_sound {
            rules
        } else {
            strictest(kind, &at, remarks).into_iter().collect()
        },
    }
}

fn scope(object: &Object, action: AuthorizationAction) -> Scope<'_> {
    Scope {
        namespace: &object.metadata.namespace,
        action,
    }
}

fn declare(
    object: &Object,
    selector: Selector,
    verdict: Verdict,
    enforcement: Enforcement,
    remarks: &Remarks,
) -> Vec<Declaration> {
    let metadata = &object.metadata;
    let Verdict { action, rules } = verdict;
    vec![Declaration::Authorization(Arc::new(AuthorizationPolicy {
        namespace: Namespace::from(metadata.namespace.as_str()),
        name: Arc::from(metadata.name.as_str()),
        selector,
        action,
        enforcement,
        rules,
        age: Age::new(
            &metadata.creation_timestamp,
            &metadata.name,
            &metadata.namespace,
        ),
        origin: remarks.origin(&Path::Root("spec")),
    }))]
}

fn deny_all(at: &Path<'_>, remarks: &Remarks) -> Verdict {
    Verdict {
        action: Action::Deny,
        rules: strictest(AuthorizationAction::Deny, at, remarks)
            .into_iter()
            .collect(),
    }
}

/// A policy without its provider refuses what it would have asked about.
fn lower_action(kind: AuthorizationAction, provider: Option<Arc<str>>) -> Action {
    match kind {
        AuthorizationAction::Allow => Action::Allow,
        AuthorizationAction::Deny => Action::Deny,
        AuthorizationAction::Audit => Action::Audit,
        AuthorizationAction::Custom => provider.map_or(Action::Deny, Action::Custom),
    }
}

/// The provider of action CUSTOM; `None` with others, or if it is missing, which is an error.
fn lower_provider(
    provider: Option<&Part<istio::AuthorizationProvider>>,
    kind: AuthorizationAction,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> Option<Arc<str>> {
    let at = spec.field("provider");
    let read = provider.and_then(|provider| faults::read_part(provider, &at, remarks));
    if kind != AuthorizationAction::Custom {
        if provider.is_some() {
            remarks
                .error(
                    &at,
                    "conflicting-fields",
                    "must be written with action CUSTOM only",
                )
                .advise("write action: CUSTOM, or leave the provider out");
        }
        return None;
    }
    let name = read.map(|istio::AuthorizationProvider { name }| name);
    let name = name.filter(|name| !name.is_empty());
    if name.is_none() {
        remarks
            .error(
                &at.field("name"),
                "missing-field",
                "is required with action CUSTOM",
            )
            .advise("write the name of one of extensionProviders in the mesh configuration");
    }
    name.map(Arc::from)
}

fn refuse_without_rules(
    rules: &[Part<istio::AuthorizationRule>],
    kind: AuthorizationAction,
    at: &Path<'_>,
    remarks: &mut Remarks,
) {
    let name = match kind {
        AuthorizationAction::Deny => "DENY",
        AuthorizationAction::Custom => "CUSTOM",
        // The first denies everything, which is an idiom; the second logs nothing.
        AuthorizationAction::Allow | AuthorizationAction::Audit => return,
    };
    if rules.is_empty() {
        remarks
            .error(
                at,
                "missing-field",
                format!("is required: without rules, action {name} matches nothing"),
            )
            .advise("write rules: [{}] to match everything");
    }
}

/// Whether the policy is only tried. An unsound annotation is an error, and counts as not
/// written.
fn lower_enforcement(metadata: &object::Metadata, remarks: &mut Remarks) -> Enforcement {
    let Some(value) = metadata.annotations.get(DRY_RUN) else {
        return Enforcement::Enforced;
    };
    match value.as_str() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Enforcement::DryRun,
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Enforcement::Enforced,
        _ => {
            let root = Path::Root("metadata");
            let annotations = root.field("annotations");
            remarks
                .error(
                    &annotations.field(DRY_RUN),
                    "invalid-annotation",
                    format!("{value:?} is neither \"true\" nor \"false\": the policy is enforced"),
                )
                .advise("write \"true\" to try the policy without effect");
            Enforcement::Enforced
        }
    }
}
