//! `crds/` and the templates of `charts/ferromesh-crds/`: custom resource definitions, from the
//! schemas of the `api` crate.
//!
//! The two differ in one annotation: what helm has installed it must not delete, since with a
//! definition each object of its kind is deleted.

use std::error::Error;

use ferromesh_api::crd::{definition::Definition, definitions};
use serde_json::{Value, json};

use crate::generated::Generated;
use crate::workspace::Workspace;

/// Where the files are; nothing else may be there.
pub const PLAIN: &str = "crds";

/// Where the chart's are.
pub const CHART: &str = "charts/ferromesh-crds/templates";

const NOTE: &str = "# Generated from crates/api/src/crd; `cargo xtask generate` writes it anew.\n";

/// All of both.
pub fn generate(workspace: &Workspace) -> Result<Vec<Generated>, Box<dyn Error>> {
    let mut files = Vec::new();
    for definition in definitions() {
        let plain = definition.document();
        let mut kept = plain.clone();
        if let Some(metadata) = kept.get_mut("metadata").and_then(Value::as_object_mut) {
            let keep = json!({"helm.sh/resource-policy": "keep"});
            metadata.insert("annotations".to_owned(), keep);
        }
        files.push(file(workspace, PLAIN, &definition, &plain)?);
        files.push(file(workspace, CHART, &definition, &kept)?);
    }
    Ok(files)
}

fn file(
    workspace: &Workspace,
    directory: &str,
    definition: &Definition,
    document: &Value,
) -> Result<Generated, Box<dyn Error>> {
    let name = format!("{}.yaml", definition.name());
    let text = ferromesh_yaml::render(document)?;
    Ok(Generated {
        path: workspace.root.join(directory).join(name),
        content: format!("{NOTE}{text}").into_bytes(),
    })
}
