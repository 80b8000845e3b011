//! What the namespace's Pod Security Standard says to our containers.

use crate::annotation::name::INTERCEPTION_MODE;
use crate::{CAPTURE, Interception, NamespaceFacts};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// A warning if the namespace will refuse the pod because of what capture needs.
pub(crate) fn warning(namespace: &NamespaceFacts, interception: Interception) -> Option<String> {
    let profile = namespace.label(ENFORCE)?;
    let refuses = matches!(profile, "baseline" | "restricted");
    (refuses && interception != Interception::None).then(|| {
        format!(
            "namespace {} enforces the Pod Security Standard {profile:?}, which refuses {CAPTURE} for its capability \
             NET_ADMIN (set {INTERCEPTION_MODE}: NONE, which passes \"restricted\", or {ENFORCE}: privileged)",
            namespace.name
        )
    })
}
