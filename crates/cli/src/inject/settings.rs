//! The settings of injection from a file.

use std::path::Path;

use ferromesh_chassis::Failure;
use ferromesh_injector::Settings;
use ferromesh_yaml::Documents;
use serde_json::Value;

/// The key of the ConfigMap that has the settings.
const KEY: &str = "config";

/// Reads settings, or a ConfigMap that has them.
pub fn read(path: &Path) -> Result<Settings, Failure> {
    let file = path.display().to_string();
    let content = document(&file, &super::text(path)?)?;
    let is_config_map = content.get("kind").and_then(Value::as_str) == Some("ConfigMap");
    let (place, settings) = if is_config_map {
        let text = content.get("data").and_then(|data| data.get(KEY)?.as_str());
        let text = text.ok_or_else(|| Failure::new(format!("{file}: data.{KEY}: is no text")))?;
        let place = format!("{file}: data.{KEY}");
        let settings = document(&place, text)?;
        (place, settings)
    } else {
        (file, content)
    };
    Settings::read(&settings).map_err(|refusal| Failure::new(format!("{place}: {refusal}")))
}

fn document(place: &str, text: &str) -> Result<Value, Failure> {
    let Documents { documents, faults } = ferromesh_yaml::read(text);
    if let Some(fault) = faults.first() {
        return Err(Failure::new(format!("{place}: {fault}")));
    }
    let mut contents = documents.into_iter().map(|document| document.content);
    match (contents.next(), contents.next()) {
        (content, None) => Ok(content.unwrap_or(Value::Null)),
        (_, Some(_)) => Err(Failure::new(format!("{place}: has several documents"))),
    }
}
