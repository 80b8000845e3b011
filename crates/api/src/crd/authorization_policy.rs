//! `security.istio.io` AuthorizationPolicy.
//!
//! Istio's schema has a `oneOf` with the one alternative `provider`, which is always fulfilled;
//! it is left out.

use super::definition::{AGE, Column, Definition, column};
use super::schema::{Presence, Schema, choice, list, may, must, object, string};
use super::selector::{match_labels, policy_target, policy_targets};
use super::{POLICY, SECURITY};

/// The kind.
pub fn authorization_policy() -> Definition {
    const COLUMNS: &[Column] = &[
        column(
            "Action",
            ".spec.action",
            "What happens to what a rule matches.",
        ),
        AGE,
    ];
    Definition {
        group: SECURITY,
        kind: "AuthorizationPolicy",
        about: "Who may do what at workloads.",
        plural: "authorizationpolicies",
        short_names: &["ap"],
        versions: POLICY,
        columns: COLUMNS,
        presence: Presence::Optional,
        spec: spec(),
    }
}

fn spec() -> Schema {
    let provider = object([may(
        "name",
        "Its name among the extension providers of the mesh configuration.",
        string(),
    )]);
    object([
        may(
            "selector",
            "Workloads; absent = all of the namespace.",
            match_labels(),
        ),
        may("targetRef", "Superseded by targetRefs.", policy_target()),
        may(
            "targetRefs",
            "Gateways, or services behind waypoints; not beside selector.",
            policy_targets(),
        ),
        may(
            "action",
            "What happens to what a rule matches; absent = ALLOW.",
            choice(["ALLOW", "DENY", "AUDIT", "CUSTOM"]),
        ),
        may("rules", "Any of these.", list(rule()).max_items(512)),
        may(
            "provider",
            "Who is asked; only with action CUSTOM.",
            provider,
        ),
    ])
    .exclusive(["selector", "targetRef", "targetRefs"])
}

fn rule() -> Schema {
    let from = object([may("source", "All of its fields must match.", source())]);
    let to = object([may(
        "operation",
        "All of its fields must match.",
        operation(),
    )]);
    object([
        may(
            "from",
            "Who asks; absent = anybody.",
            list(from).max_items(512),
        ),
        may("to", "For what; absent = for anything.", list(to)),
        may(
            "when",
            "Under which conditions; all must hold.",
            list(condition()),
        ),
    ])
}

fn source() -> Schema {
    let texts = || list(string());
    let accounts = || list(string().up_to(320)).max_items(16);
    object([
        may(
            "principals",
            "Peers, as TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT.",
            texts(),
        ),
        may("notPrincipals", "None of these peers.", texts()),
        may(
            "requestPrincipals",
            "End users, as ISSUER/SUBJECT.",
            texts(),
        ),
        may("notRequestPrincipals", "None of these end users.", texts()),
        may("namespaces", "Namespaces of peers.", texts()),
        may("notNamespaces", "None of these namespaces.", texts()),
        may(
            "serviceAccounts",
            "Accounts of peers, as ACCOUNT or NAMESPACE/ACCOUNT.",
            accounts(),
        ),
        may("notServiceAccounts", "None of these accounts.", accounts()),
        may("trustDomains", "Trust domains of peers.", texts()),
        may("notTrustDomains", "None of these trust domains.", texts()),
        may("ipBlocks", "Addresses that connections come from.", texts()),
        may("notIpBlocks", "None of these addresses.", texts()),
        may(
            "remoteIpBlocks",
            "Addresses of clients, by X-Forwarded-For or the PROXY protocol.",
            texts(),
        ),
        may("notRemoteIpBlocks", "None of these addresses.", texts()),
    ])
    .rule(
        "serviceAccounts and notServiceAccounts can't stand beside principals and namespaces",
        "!(has(self.serviceAccounts) || has(self.notServiceAccounts)) \
         || !(has(self.principals) || has(self.notPrincipals) \
         || has(self.namespaces) || has(self.notNamespaces))",
    )
}

fn operation() -> Schema {
    let texts = || list(string());
    object([
        may("hosts", "Hosts.", texts()),
        may("notHosts", "None of these hosts.", texts()),
        may("ports", "Ports of the workload.", texts()),
        may("notPorts", "None of these ports.", texts()),
        may("methods", "Methods.", texts()),
        may("notMethods", "None of these methods.", texts()),
        may("paths", "Paths, perhaps templates.", texts()),
        may("notPaths", "None of these paths.", texts()),
    ])
}

fn condition() -> Schema {
    object([
        must("key", "The attribute.", string()),
        may("values", "One of these values.", list(string())),
        may("notValues", "None of these values.", list(string())),
    ])
}
