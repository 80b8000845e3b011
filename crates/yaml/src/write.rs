//! Values as YAML text.

use serde_json::Value;

/// The YAML text of a value.
///
/// # Errors
/// If the writer fails, which it has no reason to.
pub fn render(value: &Value) -> Result<String, String> {
    serde_saphyr::to_string(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::render;

    #[test]
    fn what_is_written_is_read_again() {
        let value = json!([{
            "type_url": "type.googleapis.com/a.B",
            "name": "outbound|80||web.shop.svc.cluster.local",
            "resource": {"yes": "yes", "no": "null", "number": "012", "text": "a\nb\n", "empty": {}, "list": [[], 1.5, true]},
        }]);
        let text = render(&value).unwrap_or_default();
        let documents = crate::read(&text).documents;
        assert_eq!(
            documents
                .into_iter()
                .map(|document| document.content)
                .collect::<Vec<_>>(),
            [value],
            "{text}"
        );
    }
}
