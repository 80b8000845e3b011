//! `extensions.istio.io` WasmPlugin and TrafficExtension.

use super::EXTENSIONS;
use super::definition::{AGE, Definition, only};
use super::schema::{
    Field, Presence, Schema, anything, choice, int32, list, may, must, object, port, string,
};
use super::selector::{match_labels, policy_target, policy_targets};

/// The kind.
pub fn wasm_plugin() -> Definition {
    Definition {
        group: EXTENSIONS,
        kind: "WasmPlugin",
        about: "Extends proxies by a module of WebAssembly.",
        plural: "wasmplugins",
        short_names: &[],
        versions: only(&["v1alpha1"]),
        columns: &[AGE],
        presence: Presence::Required,
        spec: wasm_plugin_spec(),
    }
}

fn wasm_plugin_spec() -> Schema {
    let [selector, targets, matches, priority] = target();
    let [url, sha256, pull, secret, key, config, name, fail, kind, vm] = wasm();
    object([
        selector,
        may("targetRef", "Superseded by targetRefs.", policy_target()),
        targets,
        url,
        sha256,
        pull,
        secret,
        key,
        config,
        name,
        phase("UNSPECIFIED_PHASE"),
        priority,
        fail,
        kind,
        vm,
        matches,
    ])
    .exclusive(["selector", "targetRef", "targetRefs"])
}

/// The kind.
pub fn traffic_extension() -> Definition {
    Definition {
        group: EXTENSIONS,
        kind: "TrafficExtension",
        about: "Extends proxies by a script or a module.",
        plural: "trafficextensions",
        short_names: &[],
        versions: only(&["v1alpha1"]),
        columns: &[AGE],
        presence: Presence::Required,
        spec: traffic_extension_spec(),
    }
}

fn traffic_extension_spec() -> Schema {
    let [selector, targets, matches, priority] = target();
    let code = string().not_empty().up_to(65536);
    let lua = object([must("inlineCode", "The script.", code)]);
    object([
        selector,
        targets,
        matches,
        phase("UNSPECIFIED"),
        priority,
        may("wasm", "A module of WebAssembly.", object(wasm())),
        may("lua", "Or a script in Lua.", lua),
    ])
    .exclusive(["selector", "targetRefs"])
    .rule(
        "exactly one of wasm and lua must be set",
        "has(self.wasm) != has(self.lua)",
    )
}

/// Where it runs.
fn target() -> [Field; 4] {
    let ports = list(object([must("number", "Number.", port())])).keyed_by("number");
    let mode = choice(["UNDEFINED", "CLIENT", "SERVER", "CLIENT_AND_SERVER"]);
    let traffic = object([
        may("mode", "At which end; absent = both.", mode),
        may("ports", "For which ports; none = all.", ports),
    ]);
    [
        may(
            "selector",
            "Workloads; absent = all of the namespace.",
            match_labels(),
        ),
        may(
            "targetRefs",
            "Gateways, or services behind waypoints; not beside selector.",
            policy_targets(),
        ),
        may("match", "Which traffic; none = all.", list(traffic)),
        may(
            "priority",
            "Greater ones come first within the phase; absent = 0.",
            int32().nullable(),
        ),
    ]
}

fn phase(unspecified: &'static str) -> Field {
    may(
        "phase",
        "Where in the chain of filters; absent = at its end.",
        choice([unspecified, "AUTHN", "AUTHZ", "STATS"]),
    )
}

/// A module of WebAssembly.
fn wasm() -> [Field; 10] {
    let pull = choice(["UNSPECIFIED_POLICY", "IfNotPresent", "Always"]);
    let fail = choice(["FAIL_CLOSE", "FAIL_OPEN", "FAIL_RELOAD"]);
    let kind = choice(["UNSPECIFIED_PLUGIN_TYPE", "HTTP", "NETWORK"]);
    let secret = string().not_empty().up_to(253);
    let name = string().not_empty().up_to(256);
    let hash = string().pattern("(^$|^[a-f0-9]{64}$)");
    [
        must("url", "Where the module is; without a scheme = oci.", url()),
        may("sha256", "Its hash; empty = any.", hash),
        may("imagePullPolicy", "When it is fetched anew.", pull),
        may("imagePullSecret", "Secret for fetching it.", secret),
        may(
            "verificationKey",
            "Without effect: Istio never implemented it.",
            string(),
        ),
        may("pluginConfig", "The module's configuration.", anything()),
        may("pluginName", "The module's name for itself.", name),
        may(
            "failStrategy",
            "What happens without it; absent = FAIL_CLOSE.",
            fail,
        ),
        may("type", "What it filters; absent = HTTP.", kind),
        may("vmConfig", "Its machine.", vm()),
    ]
}

fn url() -> Schema {
    string().not_empty().rule(
        "a URL with http, https, file or oci is needed, or one without a scheme",
        "isURL(self) ? url(self).getScheme() in ['', 'http', 'https', 'file', 'oci'] \
         : isURL('http://' + self)",
    )
}

fn vm() -> Schema {
    let variable = object([
        must("name", "Name.", string().not_empty().up_to(256)),
        may(
            "valueFrom",
            "Whether value says it or the proxy's environment; absent = INLINE.",
            choice(["INLINE", "HOST"]),
        ),
        may("value", "Value.", string().up_to(2048)),
    ])
    .rule(
        "valueFrom HOST takes no value",
        "!has(self.valueFrom) || self.valueFrom != 'HOST' || !has(self.value)",
    );
    object([may(
        "env",
        "Environment of the module.",
        list(variable).max_items(256).keyed_by("name"),
    )])
}
