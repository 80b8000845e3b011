//! Every crate inherits the workspace's lints, among them `missing_docs`, which clippy turns into
//! errors in `make test`.

use super::Finding;
use crate::workspace::Workspace;

pub fn check(workspace: &Workspace) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for member in workspace.members() {
        let manifest = read(&member.manifest)?;
        if !inherits(&manifest) {
            findings.push(Finding::new(
                format!("{} does not inherit the workspace's lints", member.name),
                "add \"[lints]\\nworkspace = true\" to its Cargo.toml",
            ));
        }
    }
    let root = read(&workspace.root.join("Cargo.toml"))?;
    if !root.contains("missing_docs = \"warn\"") {
        findings.push(Finding::new(
            "missing_docs is off",
            "switch it on in the workspace's Cargo.toml",
        ));
    }
    Ok(findings)
}

fn read(path: &std::path::Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn inherits(manifest: &str) -> bool {
    let mut lines = manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[lints]");
    lines.next();
    lines
        .take_while(|line| !line.starts_with('['))
        .any(|line| line == "workspace = true")
}

#[cfg(test)]
mod tests {
    use super::inherits;

    #[test]
    fn only_a_lints_table_counts() {
        assert!(inherits(
            "[package]\nname = \"a\"\n[lints]\nworkspace = true\n"
        ));
        assert!(!inherits("[package]\nworkspace = true\n"));
        assert!(!inherits("[lints]\n[dependencies]\nworkspace = true\n"));
    }
}
