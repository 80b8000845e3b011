//! Files that are checked in but written by programs.

use std::error::Error;
use std::path::PathBuf;

use ferromesh_dialects::support;

use crate::workspace::Workspace;
use crate::{definitions, descriptors};

/// A generated file.
#[derive(Debug, PartialEq, Eq)]
pub struct Generated {
    /// Where it is.
    pub path: PathBuf,
    /// What is to be in it.
    pub content: Vec<u8>,
}

impl Generated {
    /// Whether the file is as it is to be.
    pub fn is_fresh(&self) -> bool {
        std::fs::read(&self.path).ok().as_ref() == Some(&self.content)
    }
}

/// Every generated file.
pub fn files(workspace: &Workspace) -> Result<Vec<Generated>, Box<dyn Error>> {
    let mut files = definitions::generate(workspace)?;
    files.push(descriptors::generate(workspace)?);
    files.push(Generated {
        path: workspace.root.join("docs/supported-fields.md"),
        content: support::markdown().into_bytes(),
    });
    Ok(files)
}

/// Writes those that differ.
pub fn write(workspace: &Workspace) -> Result<(), Box<dyn Error>> {
    for file in files(workspace)? {
        let fresh = file.is_fresh();
        if !fresh {
            if let Some(directory) = file.path.parent() {
                std::fs::create_dir_all(directory)?;
            }
            std::fs::write(&file.path, &file.content)?;
        }
        let word = if fresh { "unchanged" } else { "written  " };
        println!("{word} {}", file.path.display());
    }
    Ok(())
}
