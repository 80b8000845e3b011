//! RequestAuthentications whose keys are not known.

use ferromesh_mesh::decl::request_authentication::RequestAuthentication;
use ferromesh_mesh::diagnostic::{Diagnostic, Severity};
use ferromesh_mesh::policy::jwt::KeySource;

use crate::index::reading::Reading;

/// Checks a policy. Whoever looks at manifests alone fetches nothing, so that this is no warning.
pub(super) fn check(
    policy: &RequestAuthentication,
    reading: &mut Reading<'_>,
    list: &mut Vec<Diagnostic>,
) {
    for rule in &policy.rules {
        let place = match &rule.keys {
            KeySource::Uri(uri) => format!("from {uri}"),
            KeySource::Issuer(issuer) => format!("of {issuer}"),
            KeySource::Inline(_) | KeySource::Nobody => continue,
        };
        if reading.keys(&rule.keys).is_none() {
            let message = format!(
                "the keys {place} have not been fetched (yet): until then all tokens of {} are refused",
                rule.issuer
            );
            list.push(
                Diagnostic::at(&rule.origin, Severity::Info, "missing-keys", message)
                    .hint("write them as jwks if the control plane can't get there"),
            );
        }
    }
}
