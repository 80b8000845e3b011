//! One version of each crate, unless there is a reason. Twins cost build time and memory, and
//! types of one are strangers to the other.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::workspace::Workspace;

/// Crates that may be there twice, each with the reason.
const TOLERATED: &[(&str, &str)] = &[
    (
        "base64",
        "k8s-openapi and tonic are at 0.22, serde-saphyr at 0.23",
    ),
    (
        "bit-vec",
        "yasna (rcgen) is at 0.9, proptest (tests only) at 0.10",
    ),
    ("foldhash", "comes with hashbrown"),
    (
        "getrandom",
        "0.2 is that of ring, which cargo lists for rustls-webpki and nobody builds",
    ),
    (
        "hashbrown",
        "petgraph (prost-build, build time only) is at 0.15, indexmap at 0.17",
    ),
    ("rand_core", "imbl is at 0.9, proptest (tests only) at 0.10"),
    (
        "syn",
        "prost-derive and tracing-attributes are at 2; build time only",
    ),
    ("untrusted", "aws-lc-rs is at 0.7, rustls-webpki at 0.9"),
];

pub fn check(workspace: &Workspace) -> Vec<Finding> {
    find(workspace, TOLERATED)
}

fn find(workspace: &Workspace, tolerated: &[(&str, &str)]) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in workspace.packages.values() {
        versions
            .entry(&package.name)
            .or_default()
            .insert(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    let mut findings = Vec::new();
    for (name, versions) in &versions {
        if tolerated.iter().any(|(tolerated, _)| tolerated == name) {
            continue;
        }
        let users = versions
            .iter()
            .map(|version| format!("{version} for {}", users(workspace, name, version)));
        findings.push(Finding::new(
            format!("{name} is there {} times: {}", versions.len(), users.collect::<Vec<_>>().join("; ")),
            "align the versions (cargo update, another version of the user), or give a reason in crates/xtask/src/check/duplicates.rs",
        ));
    }
    for (name, _) in tolerated {
        if !versions.contains_key(name) {
            findings.push(Finding::new(
                format!("{name} is not there twice any more"),
                "take it off the list in crates/xtask/src/check/duplicates.rs",
            ));
        }
    }
    findings
}

/// Who depends on this version.
fn users(workspace: &Workspace, name: &str, version: &str) -> String {
    let is_meant = |id: &&String| {
        workspace
            .packages
            .get(*id)
            .is_some_and(|package| package.name == name && package.version == version)
    };
    let users: Vec<_> = workspace
        .packages
        .values()
        .filter(|package| package.all.iter().any(|id| is_meant(&id)))
        .map(|package| package.name.as_str())
        .collect();
    users.join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::find;
    use crate::workspace::{Package, Workspace};

    #[test]
    fn twins_and_stale_excuses_are_found() {
        let mut workspace = Workspace::default();
        for (name, version, all) in [
            ("a", "1.0.0", &[][..]),
            ("a", "2.0.0", &[]),
            ("b", "1.0.0", &["a 1.0.0"]),
        ] {
            workspace.packages.insert(
                format!("{name} {version}"),
                Package {
                    name: name.to_owned(),
                    version: version.to_owned(),
                    license: String::new(),
                    manifest: name.into(),
                    member: false,
                    normal: BTreeSet::new(),
                    all: all.iter().map(|id| (*id).to_owned()).collect(),
                },
            );
        }
        let texts = |tolerated| {
            find(&workspace, tolerated)
                .into_iter()
                .map(|f| f.what)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(&[]), ["a is there 2 times: 1.0.0 for b; 2.0.0 for "]);
        assert_eq!(texts(&[("a", "reason")]), Vec::<String>::new());
        assert_eq!(
            texts(&[("a", "reason"), ("b", "reason")]),
            ["b is not there twice any more"]
        );
    }
}
