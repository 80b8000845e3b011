//! Changes to headers.

use std::sync::Arc;

use ferromesh_envoy as envoy;
use ferromesh_mesh as mesh;

use envoy::core::header_value_option::HeaderAppendAction;
use mesh::policy::headers::HeaderChanges;

/// Changes in one direction as Envoy has them: first removes, then adds in this order.
pub(super) struct Changes {
    pub(super) add: Vec<envoy::core::HeaderValueOption>,
    pub(super) remove: Vec<String>,
}

/// Changes of several sources, one after the other. Envoy refuses to change pseudo headers and
/// `host`, whose rewriting is a policy of its own.
pub(super) fn changes<const N: usize>(sources: [Option<&HeaderChanges>; N]) -> Changes {
    let mut changes = Changes {
        add: Vec::new(),
        remove: Vec::new(),
    };
    for HeaderChanges { set, add, remove } in sources.into_iter().flatten() {
        changes
            .add
            .extend(options(set, HeaderAppendAction::OverwriteIfExistsOrAdd));
        changes
            .add
            .extend(options(add, HeaderAppendAction::AppendIfExistsOrAdd));
        let remove = remove.iter().filter(|name| changeable(name));
        changes.remove.extend(remove.map(ToString::to_string));
    }
    changes
}

fn options(
    headers: &[(Arc<str>, Arc<str>)],
    action: HeaderAppendAction,
) -> impl Iterator<Item = envoy::core::HeaderValueOption> {
    headers
        .iter()
        .filter(|(name, _)| changeable(name))
        .map(move |(name, value)| envoy::core::HeaderValueOption {
            header: Some(envoy::core::HeaderValue {
                key: name.to_string(),
                value: value.to_string(),
                ..Default::default()
            }),
            append_action: action as i32,
            ..Default::default()
        })
}

fn changeable(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(':') && !name.eq_ignore_ascii_case("host")
}
