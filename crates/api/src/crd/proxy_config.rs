//! `networking.istio.io` ProxyConfig.

use super::NETWORKING;
use super::definition::{Definition, only};
use super::schema::{Presence, Schema, int32, map, may, object, string};
use super::selector::match_labels;

/// The kind.
pub fn proxy_config() -> Definition {
    Definition {
        group: NETWORKING,
        kind: "ProxyConfig",
        about: "How proxies are started.",
        plural: "proxyconfigs",
        short_names: &[],
        versions: only(&["v1beta1"]),
        columns: &[],
        presence: Presence::Optional,
        spec: spec(),
    }
}

fn spec() -> Schema {
    let image = object([may(
        "imageType",
        "Kind of image, such as distroless.",
        string(),
    )]);
    object([
        may(
            "selector",
            "Workloads; absent = all of the namespace.",
            match_labels(),
        ),
        may(
            "concurrency",
            "Worker threads; absent = by the CPU limit, 0 = one for each CPU.",
            int32().at_least(0).nullable(),
        ),
        may(
            "environmentVariables",
            "Environment of the proxy.",
            map(string().up_to(2048)),
        ),
        may("image", "The proxy's image.", image),
    ])
}
