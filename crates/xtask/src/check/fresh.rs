//! Generated files are what their generators write.

use std::error::Error;

use super::Finding;
use crate::generated::{self, Generated};
use crate::workspace::Workspace;

pub fn check(workspace: &Workspace) -> Result<Vec<Finding>, Box<dyn Error>> {
    Ok(stale(&generated::files(workspace)?))
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
    use super::{Generated, stale};

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
}
