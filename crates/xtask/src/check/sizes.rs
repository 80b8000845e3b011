//! How long files are. An aim, not a gate: 95 % within 300 lines, none over 500.

use std::path::{Path, PathBuf};

use crate::workspace::Workspace;

/// One line about the sizes of the source files.
pub fn describe(workspace: &Workspace) -> Result<String, String> {
    let mut files = Vec::new();
    for member in workspace.members() {
        let Some(folder) = member.manifest.parent() else {
            continue;
        };
        for part in ["src", "tests", "benches"] {
            collect(&folder.join(part), &mut files)?;
        }
    }
    files.sort();
    let lines: usize = files.iter().map(|(lines, _)| lines).sum();
    let p95 = files
        .get(files.len() * 95 / 100)
        .map_or(0, |(lines, _)| *lines);
    let long: Vec<_> = files
        .iter()
        .rev()
        .filter(|(lines, _)| *lines > 500)
        .map(|(lines, path)| {
            format!(
                "{} ({lines})",
                path.strip_prefix(&workspace.root).unwrap_or(path).display()
            )
        })
        .collect();
    let tail = if long.is_empty() {
        "none over 500".to_owned()
    } else {
        format!("over 500: {}", long.join(", "))
    };
    Ok(format!(
        "{} source files, {lines} lines, 95 % within {p95}, {tail}",
        files.len()
    ))
}

fn collect(folder: &Path, files: &mut Vec<(usize, PathBuf)>) -> Result<(), String> {
    if !folder.is_dir() {
        return Ok(());
    }
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).map_err(fail)?;
            files.push((text.lines().count(), path));
        }
    }
    Ok(())
}
