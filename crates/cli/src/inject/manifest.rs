//! The documents of a file: read, changed, and written again.

use std::collections::BTreeMap;
use std::path::Path;

use ferromesh_chassis::Failure;
use ferromesh_injector::Refusal;
use ferromesh_yaml::{Documents, locate, parts, read, read_json, render};
use serde_json::Value;

use super::workload::{Done, describe, inject_object, unreadable};
use super::{Format, Scene};

/// A file.
pub struct Manifest {
    name: String,
    format: Format,
    parts: Vec<Part>,
}

/// A part of a file: as a rule, one document.
struct Part {
    text: String,
    lines_before: usize,
    documents: Vec<Value>,
    is_changed: bool,
}

impl Manifest {
    /// Reads the text of a file.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let is_json = text.trim_start().starts_with(['{', '[']);
        let (format, texts) = match is_json {
            true => (Format::Json, vec![text]),
            false => (Format::Yaml, parts(text)),
        };
        let mut lines_before = 0;
        let mut parts = Vec::new();
        for text in texts {
            let Documents { documents, faults } = match format {
                Format::Json => read_json(text),
                Format::Yaml => read(text),
            };
            if let Some(fault) = faults.first() {
                let hint = fault.hint.as_ref();
                let hint = hint.map_or_else(String::new, |hint| format!(" ({hint})"));
                let message = format!("{}{hint}", fault.message);
                return Err(unreadable(&name, lines_before + fault.line, &message));
            }
            let contents = documents.into_iter().map(|document| document.content);
            parts.push(Part {
                text: text.to_owned(),
                lines_before,
                documents: contents.collect(),
                is_changed: false,
            });
            lines_before += text.matches('\n').count();
        }
        Ok(Self {
            name,
            format,
            parts,
        })
    }

    /// Labels of the namespaces in it.
    pub fn namespaces(&self) -> impl Iterator<Item = (String, BTreeMap<String, String>)> {
        let documents = self.parts.iter().flat_map(|part| &part.documents);
        documents.flat_map(objects).filter_map(|object| {
            let is_one = object.get("kind")? == "Namespace" && object.get("apiVersion")? == "v1";
            let metadata = object.get("metadata").filter(|_| is_one)?;
            let labels = metadata.get("labels").and_then(Value::as_object);
            let label =
                |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
            let labels = labels.into_iter().flatten().filter_map(label).collect();
            Some((metadata.get("name")?.as_str()?.to_owned(), labels))
        })
    }

    /// Puts proxies into all of it, and adds what people should know to `remarks`.
    pub fn inject(&mut self, scene: &Scene, remarks: &mut Vec<String>) -> Result<(), Failure> {
        for part in &mut self.parts {
            for index in 0..part.documents.len() {
                let place = Place {
                    file: &self.name,
                    text: &part.text,
                    lines_before: part.lines_before,
                    index,
                };
                let Some(document) = part.documents.get_mut(index) else {
                    continue;
                };
                part.is_changed |= inject_document(document, "", (scene, place), remarks)?;
            }
        }
        Ok(())
    }

    /// Writes it: what is not changed as it was.
    pub fn render(&self, format: Option<Format>, out: &mut String) -> Result<(), Failure> {
        let format = format.unwrap_or(self.format);
        for part in &self.parts {
            let is_kept = !part.is_changed && format == self.format;
            let text = if is_kept {
                part.text.clone()
            } else {
                part.render(format, self.format)?
            };
            let ends = out.is_empty() || out.ends_with('\n');
            out.push_str(if ends { "" } else { "\n" });
            let needs_marker = format == Format::Yaml && !out.is_empty() && !has_marker(&text);
            out.push_str(if needs_marker { "---\n" } else { "" });
            out.push_str(&text);
        }
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        Ok(())
    }
}

impl Part {
    fn render(&self, format: Format, from: Format) -> Result<String, Failure> {
        if format == Format::Json {
            let documents = self.documents.iter();
            return Ok(documents.map(|value| format!("{value:#}\n")).collect());
        }
        let mut out = match from {
            Format::Yaml => head(&self.text),
            Format::Json => String::new(),
        };
        for (at, value) in self.documents.iter().enumerate() {
            out.push_str(if at == 0 { "" } else { "---\n" });
            out.push_str(&yaml(value)?);
        }
        Ok(out)
    }
}

/// A value as YAML that is read as the same value; JSON is YAML, too.
fn yaml(value: &Value) -> Result<String, Failure> {
    let text = render(value).map_err(Failure::new)?;
    let again = read(&text).documents;
    let is_same = again.len() == 1 && again.iter().all(|document| document.content == *value);
    Ok(if is_same {
        text
    } else {
        format!("{value:#}\n")
    })
}

/// What stands before the first line of a document: its marker, directives and comments.
fn head(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    let lines = lines.take_while(|line| {
        let bare = line.trim();
        bare.is_empty() || bare == "---" || line.starts_with(['#', '%'])
    });
    lines.collect()
}

/// Whether a text begins with the marker of a document, comments aside.
fn has_marker(text: &str) -> bool {
    let mut lines = text.lines();
    let first = lines.find(|line| !(line.trim().is_empty() || line.starts_with(['#', '%'])));
    first.is_none_or(|line| line.starts_with("---"))
}

/// Where a document stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a str,
    text: &'a str,
    lines_before: usize,
    index: usize,
}

impl Place<'_> {
    /// A place as people find it.
    fn at(self, path: &str) -> String {
        let Self {
            file,
            text,
            lines_before,
            index,
        } = self;
        match locate(text, index, path) {
            Some(line) => format!("{file}:{}", lines_before + line),
            None => file.to_owned(),
        }
    }
}

/// All objects of a document: itself, or those of a list.
fn objects(document: &Value) -> Vec<&Value> {
    match items(document) {
        Some(items) => items.iter().flat_map(objects).collect(),
        None => vec![document],
    }
}

fn items(document: &Value) -> Option<&Vec<Value>> {
    let is_list = document.get("kind")?.as_str()?.ends_with("List");
    document.get("items").filter(|_| is_list)?.as_array()
}

/// Puts proxies into the object at a path of a document, and into those of a list. Says whether anything changed.
fn inject_document(
    object: &mut Value,
    path: &str,
    (scene, place): (&Scene, Place<'_>),
    remarks: &mut Vec<String>,
) -> Result<bool, Failure> {
    if items(object).is_some() {
        let items = object.get_mut("items").and_then(Value::as_array_mut);
        let mut is_changed = false;
        for (at, item) in items.into_iter().flatten().enumerate() {
            let path = join(path, &format!("items[{at}]"));
            is_changed |= inject_document(item, &path, (scene, place), remarks)?;
        }
        return Ok(is_changed);
    }
    let before = object.clone();
    let name = describe(object, scene);
    let done = inject_object(object, scene).map_err(|refusal| {
        let Refusal {
            path: field,
            message,
            hint,
        } = refusal;
        let at = place.at(&join(path, &field));
        Failure::new(format!("{at}: {name}: {field}: {message} ({hint})"))
    })?;
    let at = place.at(path);
    match done {
        Done::Nothing => return Ok(false),
        Done::Left(reason) => remarks.push(format!("{at}: {name} is left as it is: {reason}")),
        Done::Injected(warnings) => {
            let warnings = warnings.into_iter();
            remarks.extend(warnings.map(|warning| format!("{at}: warning: {name}: {warning}")));
        }
    }
    Ok(*object != before)
}

fn join(path: &str, field: &str) -> String {
    match (path, field) {
        ("", field) => field.to_owned(),
        (path, "") => path.to_owned(),
        (path, field) => format!("{path}.{field}"),
    }
}
