//! `security.istio.io` PeerAuthentication.

use super::definition::{AGE, Column, Definition, column};
use super::schema::{Presence, Schema, choice, map, may, object};
use super::selector::match_labels;
use super::{POLICY, SECURITY};

/// The kind.
pub fn peer_authentication() -> Definition {
    const COLUMNS: &[Column] = &[
        column("Mode", ".spec.mtls.mode", "Plaintext, mutual TLS or both."),
        AGE,
    ];
    Definition {
        group: SECURITY,
        kind: "PeerAuthentication",
        about: "Which connections workloads accept.",
        plural: "peerauthentications",
        short_names: &["pa"],
        versions: POLICY,
        columns: COLUMNS,
        presence: Presence::Optional,
        spec: spec(),
    }
}

fn spec() -> Schema {
    let ports = map(mutual_tls()).some_keys().rule(
        "ports are numbers from 1 to 65535",
        "self.all(port, int(port) >= 1 && int(port) <= 65535)",
    );
    object([
        may(
            "selector",
            "Workloads; absent = all of the namespace.",
            match_labels(),
        ),
        may("mtls", "What the workloads accept.", mutual_tls()),
        may(
            "portLevelMtls",
            "Exceptions by port, with a selector only.",
            ports,
        ),
    ])
    .rule(
        "portLevelMtls needs a selector with labels",
        "!has(self.portLevelMtls) || (has(self.selector) && has(self.selector.matchLabels) \
         && self.selector.matchLabels.size() > 0)",
    )
}

fn mutual_tls() -> Schema {
    object([may(
        "mode",
        "Plaintext, mutual TLS or both; UNSET = as the next wider policy says.",
        choice(["UNSET", "DISABLE", "PERMISSIVE", "STRICT"]),
    )])
}
