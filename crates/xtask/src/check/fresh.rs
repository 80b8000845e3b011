//! Generated files are what their generators write, and nothing else is where they are.

use std::error::Error;
use std::path::PathBuf;

use super::Finding;
use crate::definitions;
use crate::generated::{self, Generated};
use crate::workspace::Workspace;

pub fn check(workspace: &Workspace) -> Result<Vec<Finding>, Box<dyn Error>> {
    let files = generated::files(workspace)?;
    let mut findings = stale(&files);
    for directory in [definitions::PLAIN, definitions::CHART] {
        let present = std::fs::read_dir(workspace.root.join(directory))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>, std::io::Error>>()?;
        findings.extend(left_over(&present, &files));
    }
    Ok(findings)
}

/// Definitions that nobody writes any more: people would apply them nevertheless.
fn left_over(present: &[PathBuf], files: &[Generated]) -> Vec<Finding> {
    let yaml = present
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    yaml.filter(|path| files.iter().all(|file| file.path != **path))
        .map(|path| {
            Finding::new(
                format!("{} is written by no generator", path.display()),
                "delete it",
            )
        })
        .collect()
}

fn stale(files: &[Generated]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| !file.is_fresh())
        .map(|file| {
            Finding::new(
                format!("{} is stale", file.path.display()),
                "run `cargo xtask generate`",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Generated, left_over, stale};

    #[test]
    fn a_file_that_differs_or_is_missing_is_found() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/check/fresh.rs");
        let content = include_bytes!("fresh.rs").to_vec();
        assert_eq!(
            stale(&[Generated {
                path: path.clone(),
                content
            }]),
            []
        );
        let missing = Generated {
            path: "no/such/file".into(),
            content: Vec::new(),
        };
        assert_eq!(
            stale(&[
                Generated {
                    path,
                    content: Vec::new()
                },
                missing
            ])
            .len(),
            2
        );
    }

    #[test]
    fn a_definition_that_nobody_writes_is_found() {
        let ours = Generated {
            path: "crds/ours.yaml".into(),
            content: Vec::new(),
        };
        let present = ["crds/ours.yaml", "crds/old.yaml", "crds/NOTES.txt"];
        let findings = left_over(&present.map(Into::into), &[ours]);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].what.contains("old.yaml"));
    }
}
