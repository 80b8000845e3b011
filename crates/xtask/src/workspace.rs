//! The workspace as cargo sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// One version of one package in the dependency graph.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence as an SPDX expression; empty if it names none.
    pub license: String,
    /// Where its manifest is.
    pub manifest: PathBuf,
    /// Whether it belongs to the workspace.
    pub member: bool,
    /// Ids of the packages that its normal dependencies resolve to.
    pub normal: BTreeSet<String>,
    /// Ids of everything that it depends on: normal, build and dev.
    pub all: BTreeSet<String>,
}

/// Everything that `cargo metadata` says about the programs as built for Linux, by package id.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// The directory of the root manifest.
    pub root: PathBuf,
    /// All packages that are built, with the workspace's own.
    pub packages: BTreeMap<String, Package>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<RawPackage>,
    workspace_members: Vec<String>,
    workspace_root: PathBuf,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct RawPackage {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl Workspace {
    /// Asks cargo.
    pub fn load() -> Result<Self, String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args([
                "metadata",
                "--format-version",
                "1",
                "--filter-platform",
                "x86_64-unknown-linux-gnu",
            ])
            .current_dir(root())
            .output()
            .map_err(|error| format!("cannot run cargo metadata: {error}"))?;
        if !output.status.success() {
            return Err(format!(
                "cargo metadata failed: {}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        Self::parse(&output.stdout)
    }

    /// Reads the output of `cargo metadata --format-version 1`.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let metadata: Metadata = serde_json::from_slice(json)
            .map_err(|error| format!("cannot read cargo metadata: {error}"))?;
        let members: BTreeSet<_> = metadata.workspace_members.into_iter().collect();
        let mut raw: BTreeMap<_, _> = metadata
            .packages
            .into_iter()
            .map(|package| (package.id.clone(), package))
            .collect();
        let mut packages = BTreeMap::new();
        for node in metadata.resolve.nodes {
            let Some(RawPackage {
                id,
                name,
                version,
                license,
                manifest_path,
            }) = raw.remove(&node.id)
            else {
                continue;
            };
            let is_normal =
                |dependency: &&Dependency| dependency.dep_kinds.iter().any(|k| k.kind.is_none());
            let package = Package {
                name,
                version,
                license: license.unwrap_or_default(),
                manifest: manifest_path,
                member: members.contains(&id),
                normal: node
                    .deps
                    .iter()
                    .filter(is_normal)
                    .map(|d| d.pkg.clone())
                    .collect(),
                all: node.deps.into_iter().map(|d| d.pkg).collect(),
            };
            packages.insert(id, package);
        }
        Ok(Self {
            root: metadata.workspace_root,
            packages,
        })
    }

    /// The workspace's own packages.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.values().filter(|package| package.member)
    }

    /// The packages that the normal dependencies of `package` resolve to.
    pub fn normal<'a>(&'a self, package: &'a Package) -> impl Iterator<Item = &'a Package> {
        package.normal.iter().filter_map(|id| self.packages.get(id))
    }

    /// A shortest chain of normal dependencies from `package` to a package called `name`.
    pub fn chain(&self, package: &Package, name: &str) -> Option<Vec<String>> {
        let mut seen = BTreeSet::new();
        let mut paths = vec![vec![package]];
        while !paths.is_empty() {
            let mut longer = Vec::new();
            for path in paths {
                let Some(last) = path.last() else { continue };
                for next in self.normal(last) {
                    let mut path = path.clone();
                    path.push(next);
                    if next.name == name {
                        return Some(path.iter().map(|package| package.name.clone()).collect());
                    }
                    if seen.insert(&next.manifest) {
                        longer.push(path);
                    }
                }
            }
            paths = longer;
        }
        None
    }
}

/// The root of the workspace: two levels above this crate.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}
