//! Ways out of faults of form, whatever the kind.

use ferromesh_api::advice::{advice, known_words, wants_mapping};
use ferromesh_api::{Object, fields, istio};
use ferromesh_mesh::closest::closest;
use ferromesh_mesh::diagnostic::Diagnostic;

use crate::support;

/// The fields of Kubernetes' ObjectMeta, whose type only the source side sees.
const METADATA: &[&str] = &[
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// A way out of a remark on an object, for faults of form.
pub(crate) fn hint(object: &Object, diagnostic: &Diagnostic) -> Option<String> {
    let Diagnostic {
        code,
        path,
        message,
        severity: _,
        object: _,
        hint: _,
    } = diagnostic;
    match *code {
        "unknown-field" => unknown_field(object, path),
        "wrong-type" => wrong_type(object, path, message),
        _ => None,
    }
}

fn unknown_field(object: &Object, path: &str) -> Option<String> {
    let (parent, name) = path.rsplit_once('.')?;
    let known = if parent == "metadata" {
        METADATA
    } else if object.kind == "MeshConfig" {
        of_mesh_config(parent)
    } else {
        return support::hint(object.group(), &object.kind, path);
    };
    closest(name, known.iter().copied()).map(|meant| format!("did you mean {meant:?}?"))
}

/// The fields of the mesh configuration, which is no kind of the table.
fn of_mesh_config(parent: &str) -> &'static [&'static str] {
    match without_indices(parent).as_str() {
        "spec" => fields::names::<istio::MeshConfig>(),
        "spec.outboundTrafficPolicy" => fields::names::<istio::MeshOutboundPolicy>(),
        "spec.defaultHttpRetryPolicy" => fields::names::<istio::HttpRetry>(),
        "spec.tcpKeepalive" => fields::names::<istio::TcpKeepalive>(),
        "spec.localityLbSetting" => fields::names::<istio::LocalityLbSetting>(),
        "spec.caCertificates[]" => fields::names::<istio::CaCertificates>(),
        "spec.meshMTLS" | "spec.tlsDefaults" => fields::names::<istio::MeshTls>(),
        "spec.pathNormalization" => fields::names::<istio::MeshPathNormalization>(),
        "spec.defaultConfig" => fields::names::<istio::ProxyConfig>(),
        "spec.extensionProviders[]" => fields::names::<istio::ExtensionProvider>(),
        "spec.extensionProviders[].envoyExtAuthzHttp" => fields::names::<istio::ExtAuthzHttp>(),
        "spec.extensionProviders[].envoyExtAuthzGrpc" => fields::names::<istio::ExtAuthzGrpc>(),
        "spec.extensionProviders[].envoyExtAuthzHttp.includeRequestBodyInCheck"
        | "spec.extensionProviders[].envoyExtAuthzGrpc.includeRequestBodyInCheck" => {
            fields::names::<istio::ExtAuthzBody>()
        }
        _ => &[],
    }
}

/// A path with `[]` for every `[7]`.
fn without_indices(path: &str) -> String {
    path.split_inclusive('[')
        .map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()))
        .collect()
}

fn wrong_type(object: &Object, path: &str, message: &str) -> Option<String> {
    if let Some((word, known)) = known_words(message) {
        return closest(word, known.iter().copied())
            .or_else(|| beginning(word, &known))
            .map(|meant| format!("did you mean {meant:?}?"));
    }
    if !wants_mapping(message) {
        return advice(message).map(str::to_owned);
    }
    let names = support::names_at(object.group(), &object.kind, path);
    let names: Vec<_> = names.into_iter().collect();
    Some(match names.as_slice() {
        [] => "write {name: value}, or each name on a line of its own".to_owned(),
        ["exact", "prefix", "regex"] => "write {exact: …}, {prefix: …} or {regex: …}".to_owned(),
        names => format!("its fields are {}", names.join(", ")),
    })
}

/// The only known word that begins like this one: `ROUND` for `ROUND_ROBIN`.
fn beginning<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    let mut alike = known
        .iter()
        .filter(|known| word.len() > 1 && known.starts_with(&word.to_uppercase()));
    match (alike.next(), alike.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}
