//! Who may depend on whom. The arrows are the design's: dialects never know each other, the
//! compiler never sees protobuf or Kubernetes, the target never sees Kubernetes, and tokio stays
//! in the rim. Only normal dependencies count; tests may reach further.

use super::Finding;
use crate::workspace::{Package, Workspace};

/// The crates that each of our crates may depend on, without the `ferromesh-` prefix.
const ARROWS: &[(&str, &[&str])] = &[
    ("identity", &[]),
    ("proto", &[]),
    // Not mesh: what the authority has to know of pods is supplied by the operator.
    ("ca", &["identity", "proto", "chassis"]),
    ("mesh", &["identity"]),
    ("api", &[]),
    ("dialect-kubernetes", &["api", "mesh"]),
    ("dialect-istio", &["api", "identity", "mesh"]),
    (
        "dialects",
        &["api", "mesh", "dialect-kubernetes", "dialect-istio"],
    ),
    ("compiler", &["identity", "mesh"]),
    ("envoy", &[]),
    ("target-envoy", &["identity", "mesh", "envoy"]),
    ("probe", &["mesh", "envoy"]),
    ("xds", &["envoy"]),
    // A broken file is a diagnostic, which is one of the mesh's words.
    ("kube-source", &["api", "mesh", "yaml"]),
    ("yaml", &[]),
    // Annotations have YAML in them; who mistypes one is told which was meant, in the mesh's way.
    ("injector", &["api", "mesh", "yaml"]),
    ("chassis", &[]),
    ("webhook", &["api", "mesh", "dialects", "injector"]),
    (
        "xds-server",
        &[
            "identity",
            "mesh",
            "compiler",
            "envoy",
            "target-envoy",
            "xds",
            "chassis",
        ],
    ),
    ("agent", &["identity", "proto", "envoy", "xds", "chassis"]),
    (
        "operator",
        &[
            "api",
            "ca",
            "chassis",
            "compiler",
            "dialects",
            // The JSON form alone, for dumps.
            "envoy",
            "identity",
            "kube-source",
            "mesh",
            "proto",
            "injector",
            "target-envoy",
            "webhook",
            "xds",
            "xds-server",
        ],
    ),
    (
        "cli",
        &[
            "api",
            "chassis",
            "compiler",
            "dialects",
            // The JSON form alone, for dumps.
            "envoy",
            "identity",
            "injector",
            "kube-source",
            "mesh",
            "probe",
            "target-envoy",
            "xds",
            "yaml",
        ],
    ),
    // Only for development; nothing may depend on them but tests.
    (
        "testkit",
        &[
            "api",
            "chassis",
            "compiler",
            "dialects",
            "envoy",
            "injector",
            "webhook",
            "kube-source",
            "mesh",
            "probe",
            "target-envoy",
            "xds",
            "xds-server",
            "agent",
            "identity",
            "proto",
            "ca",
        ],
    ),
    ("xtask", &["api", "dialects", "envoy", "yaml"]),
];

/// The core: no runtime, no I/O. None of [`RUNTIME`] may appear anywhere below these.
const CORE: &[&str] = &[
    "identity",
    "proto",
    "mesh",
    "api",
    "dialect-kubernetes",
    "dialect-istio",
    "dialects",
    "compiler",
    "envoy",
    "target-envoy",
    "probe",
    "xds",
    "yaml",
    "injector",
];

/// Asynchronous runtimes and what brings sockets.
const RUNTIME: &[&str] = &["tokio", "mio", "hyper", "tonic", "async-io", "smol"];

/// Crates from outside that only some of our crates may name.
const RESERVED: &[(&str, &[&str], &str)] = &[
    (
        "prost",
        PROTOBUF,
        "the compiler and the dialects never see protobuf",
    ),
    (
        "prost-types",
        PROTOBUF,
        "the compiler and the dialects never see protobuf",
    ),
    (
        "prost-reflect",
        PROTOBUF,
        "the compiler and the dialects never see protobuf",
    ),
    (
        "k8s-openapi",
        // The operator keeps its own things there; the command line looks.
        &[
            "api",
            "dialect-kubernetes",
            "kube-source",
            "operator",
            "cli",
        ],
        "only the source side sees Kubernetes",
    ),
    (
        "kube",
        &["kube-source", "operator", "cli"],
        "only those speak to an API server",
    ),
    (
        "serde-saphyr",
        &["yaml"],
        "YAML is read and written in one crate",
    ),
    (
        "envoy-types",
        &["testkit", "xtask"],
        "programs use our generated types; envoy-types is the independent witness of tests",
    ),
];

const PROTOBUF: &[&str] = &[
    "proto",
    "envoy",
    "target-envoy",
    "xds",
    "xds-server",
    "agent",
    "testkit",
    "xtask",
];

/// Crates that no shipped crate may depend on.
const DEVELOPMENT: &[&str] = &["testkit", "xtask"];

pub fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in workspace.members() {
        let name = short(member);
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
            findings.push(Finding::new(
                format!("crate {name} has no place in the design"),
                "add it to ARROWS in crates/xtask/src/check/arrows.rs with the crates it may see",
            ));
            continue;
        };
        for dependency in workspace.normal(member) {
            findings.extend(forbidden(name, allowed, dependency));
        }
        if CORE.contains(&name) {
            for runtime in RUNTIME {
                if let Some(chain) = workspace.chain(member, runtime) {
                    findings.push(Finding::new(
                        format!("core crate {name} reaches {runtime}: {}", chain.join(" -> ")),
                        "move the I/O to a crate of the rim (kube-source, xds-server, operator, agent, cli, chassis)",
                    ));
                }
            }
        }
    }
    findings
}

/// Whether `name` must not depend on `dependency`.
fn forbidden(name: &str, allowed: &[&str], dependency: &Package) -> Option<Finding> {
    if dependency.member {
        let to = short(dependency);
        if DEVELOPMENT.contains(&to) {
            return Some(Finding::new(
                format!("{name} -> {to}: {to} is for development only"),
                format!("make {to} a dev-dependency of {name}"),
            ));
        }
        return (!allowed.contains(&to)).then(|| {
            Finding::new(
                format!("{name} -> {to} is not an arrow of the design"),
                format!("let a crate above both pass what {name} needs, or argue for a new arrow in crates/xtask/src/check/arrows.rs"),
            )
        });
    }
    let (to, users, reason) = RESERVED.iter().find(|(to, _, _)| *to == dependency.name)?;
    (!users.contains(&name)).then(|| {
        Finding::new(
            format!("{name} -> {to}: {reason}"),
            format!("use {} instead", users.join(", ")),
        )
    })
}

fn short(package: &Package) -> &str {
    package
        .name
        .strip_prefix("ferromesh-")
        .unwrap_or(&package.name)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::workspace::{Package, Workspace};

    fn world(edges: &[(&str, &str)]) -> Workspace {
        let mut workspace = Workspace::default();
        let names: std::collections::BTreeSet<_> =
            edges.iter().flat_map(|(from, to)| [*from, *to]).collect();
        for name in names {
            let normal: std::collections::BTreeSet<_> = edges
                .iter()
                .filter(|(from, _)| *from == name)
                .map(|(_, to)| (*to).to_owned())
                .collect();
            workspace.packages.insert(
                name.to_owned(),
                Package {
                    name: name.to_owned(),
                    version: "1.0.0".to_owned(),
                    license: "MIT".to_owned(),
                    manifest: name.into(),
                    member: name.starts_with("ferromesh-") || name == "xtask",
                    all: normal.clone(),
                    normal,
                },
            );
        }
        workspace
    }

    #[test]
    fn arrows_of_the_design_pass_and_others_are_found() {
        for (edges, wrong) in [
            (&[("ferromesh-compiler", "ferromesh-mesh")][..], None),
            (
                &[("ferromesh-compiler", "ferromesh-envoy")],
                Some("compiler -> envoy"),
            ),
            (
                &[("ferromesh-dialect-istio", "ferromesh-dialect-kubernetes")],
                Some("dialect-istio -> dialect-kubernetes"),
            ),
            (
                &[("ferromesh-compiler", "prost")],
                Some("never see protobuf"),
            ),
            (
                &[("ferromesh-target-envoy", "k8s-openapi")],
                Some("only the source side"),
            ),
            (
                &[("ferromesh-mesh", "a"), ("a", "b"), ("b", "tokio")],
                Some("ferromesh-mesh -> a -> b -> tokio"),
            ),
            (
                &[("ferromesh-operator", "ferromesh-testkit")],
                Some("for development only"),
            ),
            (&[("ferromesh-operator", "tokio")], None),
            (
                &[("ferromesh-rogue", "ferromesh-mesh")],
                Some("no place in the design"),
            ),
        ] {
            let findings = check(&world(edges));
            match wrong {
                None => assert_eq!(findings, [], "{edges:?}"),
                Some(text) => {
                    let [finding] = &findings[..] else {
                        panic!("{edges:?}: {findings:?}")
                    };
                    assert!(finding.what.contains(text), "{edges:?}: {finding}");
                }
            }
        }
    }
}
