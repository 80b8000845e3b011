//! What a security policy holds for: workloads by their labels, or something else by reference.

use ferromesh_api::istio;
use ferromesh_api::part::Part;
use ferromesh_mesh::decl::Selector;
use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;

use crate::{effect, faults, selector};

/// What may be referred to: group and kind.
const KINDS: [(&str, &str); 4] = [
    ("", "Service"),
    ("networking.istio.io", "ServiceEntry"),
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
];

/// What a policy holds for.
pub(crate) enum Target {
    /// Workloads with sidecars.
    Workloads(Selector),
    /// Gateways or waypoints alone, of which there are none yet: no sidecar is concerned.
    Elsewhere,
}

/// What authors write.
pub(crate) struct Written<'a> {
    /// `selector`.
    pub(crate) selector: Option<&'a Part<istio::MatchLabels>>,
    /// `targetRef`.
    pub(crate) one: Option<&'a Part<istio::PolicyTarget>>,
    /// `targetRefs`.
    pub(crate) many: &'a [Part<istio::PolicyTarget>],
}

impl Written<'_> {
    /// The target of a policy whose spec stands at the path `spec`.
    pub(crate) fn lower(&self, spec: &Path<'_>, remarks: &mut Remarks) -> Target {
        let Self {
            selector,
            one,
            many,
        } = self;
        let list = spec.field("targetRefs");
        if let Some(part) = one {
            let at = spec.field("targetRef");
            effect::deprecated(&at, "write targetRefs: [...]", remarks);
            check(part, &at, remarks);
        }
        for (index, part) in many.iter().enumerate() {
            check(part, &list.item(index), remarks);
        }
        let field = match (one, many.is_empty()) {
            (_, false) => Some("targetRefs"),
            (Some(_), true) => Some("targetRef"),
            (None, true) => None,
        };
        if one.is_some() && !many.is_empty() {
            effect::conflict(&list, "targetRef", remarks);
        }
        match (field, selector) {
            (Some(field), None) => {
                remarks
                    .warning(
                        &spec.field(field),
                        "no-effect-yet",
                        "concerns gateways and waypoints only, which are not served yet: no sidecar enforces the policy",
                    )
                    .advise("write selector.matchLabels for workloads with sidecars");
                Target::Elsewhere
            }
            (Some(field), Some(_)) => {
                effect::conflict(&spec.field(field), "selector", remarks);
                Target::Workloads(lower_selector(*selector, spec, remarks))
            }
            (None, _) => Target::Workloads(lower_selector(*selector, spec, remarks)),
        }
    }
}

/// The workloads that a policy selects; all of its namespace without a selector.
pub(crate) fn lower_selector(
    part: Option<&Part<istio::MatchLabels>>,
    spec: &Path<'_>,
    remarks: &mut Remarks,
) -> Selector {
    let at = spec.field("selector");
    let labels = part.and_then(|part| faults::read_part(part, &at, remarks));
    match labels {
        Some(istio::MatchLabels { match_labels }) => {
            selector::lower(&match_labels, &at.field("matchLabels"), remarks)
        }
        None => Selector::default(),
    }
}

fn check(part: &Part<istio::PolicyTarget>, at: &Path<'_>, remarks: &mut Remarks) {
    let Some(target) = faults::read_part(part, at, remarks) else {
        return;
    };
    let istio::PolicyTarget {
        group,
        kind,
        name,
        namespace,
    } = target;
    if name.is_empty() {
        remarks.error(&at.field("name"), "missing-field", "is required");
    }
    if !namespace.is_empty() {
        remarks
            .error(
                &at.field("namespace"),
                "unsupported-field",
                "must not be written: a policy holds in its own namespace only",
            )
            .advise("write the policy in the namespace of what it holds for");
    }
    let group = if group == "core" { "" } else { &*group };
    if !KINDS.contains(&(group, &*kind)) {
        remarks
            .error(
                &at.field("kind"),
                "invalid-target",
                format!("{kind:?} of group {group:?} can't be referred to"),
            )
            .advise("write Service, ServiceEntry (networking.istio.io), Gateway or GatewayClass (gateway.networking.k8s.io)");
    }
}
