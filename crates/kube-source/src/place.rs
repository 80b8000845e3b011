//! Where an object stands.

use std::path::Path;
use std::sync::Arc;

use crate::yaml::{self, Positions};

/// Where an object stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which document.
    pub home: Home,
    /// Where in the document.
    pub within: Within,
}

/// Where the document of an object stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Home {
    /// In a file.
    File {
        /// The file, as the directory's reader was told it; `-` is standard input.
        path: Arc<Path>,
        /// The number of the document in the file, from 0.
        document: usize,
    },
    /// In the API server, where an object has no place but its name.
    ApiServer,
}

/// Where in its document an object stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Within {
    /// It is the document.
    Whole,
    /// It is an item of a `List`: the path of that item, such as `items[2]`.
    Item(Arc<str>),
    /// Its `spec` is the document: mesh configuration without `apiVersion` and `kind`.
    Spec,
    /// Its `spec` is the text in this field of the document: mesh configuration in a ConfigMap.
    Text(Arc<str>),
}

impl Place {
    /// The line (from 1) of the field at `path` of the object, or of the deepest field above it
    /// that exists. `positions` are those of `text`, the text of the file.
    pub fn line(&self, positions: &Positions, text: &str, path: &str) -> Option<usize> {
        let document = match self.home {
            Home::File { path: _, document } => document,
            Home::ApiServer => return None,
        };
        match &self.within {
            Within::Whole => positions.line(document, path),
            Within::Item(item) if path.is_empty() => positions.line(document, item),
            Within::Item(item) => positions.line(document, &format!("{item}.{path}")),
            Within::Spec => positions.line(document, spec_path(path)),
            Within::Text(field) => {
                let line = positions.line(document, field)?;
                // The text of a literal block begins on the line below its key.
                let block: String = text
                    .lines()
                    .skip(line)
                    .take_while(|line| line.is_empty() || line.starts_with([' ', '\t']))
                    .flat_map(|line| [line, "\n"])
                    .collect();
                let within = yaml::locate(&block, 0, spec_path(path));
                Some(line + within.unwrap_or(0))
            }
        }
    }

    /// A path of the object as its author wrote it: who writes bare mesh configuration writes no
    /// `spec`.
    pub fn as_written<'a>(&self, path: &'a str) -> &'a str {
        match &self.within {
            Within::Whole | Within::Item(_) => path,
            Within::Spec | Within::Text(_) if is_in_spec(path) => spec_path(path),
            Within::Spec | Within::Text(_) => path,
        }
    }

    /// [`Self::line`], with the file read now; `None` if it is gone.
    pub fn find_line(&self, path: &str) -> Option<usize> {
        let text = std::fs::read_to_string(self.file()).ok()?;
        self.line(&Positions::of(&text), &text, path)
    }

    /// The file; an empty path if there is none.
    pub fn file(&self) -> Arc<Path> {
        match &self.home {
            Home::File { path, document: _ } => path.clone(),
            Home::ApiServer => Arc::from(Path::new("")),
        }
    }
}

fn is_in_spec(path: &str) -> bool {
    path.strip_prefix("spec")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn spec_path(path: &str) -> &str {
    path.strip_prefix("spec")
        .map_or("", |rest| rest.strip_prefix('.').unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::{Home, Place, Positions, Within};

    #[test]
    fn a_field_is_found_wherever_its_object_stands() {
        let text = "\
kind: List
items:
- kind: A
- kind: B
  spec:
    hosts: [a]
---
accessLogFile: /dev/stdout
defaultConfig:
  concurrency: 2
---
kind: ConfigMap
data:
  mesh: |-
    # a comment

    accessLogFile: /dev/stdout
    rootNamespace: mesh
  other: x
";
        let positions = Positions::of(text);
        for (document, within, path, line) in [
            (0, Within::Item(Arc::from("items[1]")), "spec.hosts[0]", 6),
            (0, Within::Item(Arc::from("items[1]")), "", 4),
            (0, Within::Item(Arc::from("items[0]")), "spec.hosts", 3),
            (1, Within::Spec, "spec.defaultConfig.concurrency", 10),
            (1, Within::Spec, "", 8),
            (
                2,
                Within::Text(Arc::from("data.mesh")),
                "spec.rootNamespace",
                18,
            ),
            (2, Within::Whole, "data.other", 19),
        ] {
            let place = Place {
                home: Home::File {
                    path: Arc::from(Path::new("x")),
                    document,
                },
                within,
            };
            assert_eq!(
                place.line(&positions, text, path),
                Some(line),
                "{place:?} {path}"
            );
            let is_bare = !matches!(place.within, Within::Whole | Within::Item(_));
            let written = path.strip_prefix("spec.").filter(|_| is_bare);
            assert_eq!(place.as_written(path), written.unwrap_or(path), "{place:?}");
        }
    }
}
