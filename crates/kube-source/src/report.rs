//! Diagnostics back to their authors: with file and line. One shape for the offline tools, the
//! log and the debug page of the control plane.
//!
//! Lines are looked up only here, by reading the files again: while objects are compiled nobody
//! keeps them.

mod quoted;
mod record;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use ferromesh_api::Key;
use ferromesh_mesh::diagnostic::{Diagnostic, REFUSED_BY_PROXY, Severity};
use ferromesh_mesh::origin::ObjectRef;

use crate::batch::{Located, SourceFault};
use crate::place::{Home, Place};
use crate::yaml::Positions;

pub use record::Record;

/// Where every object stands.
#[derive(Clone, Debug, Default)]
pub struct Places {
    objects: HashMap<Key, (String, Place)>,
}

/// A diagnostic and where its object stands, as far as it is known.
#[derive(Clone, Debug)]
pub struct Addressed {
    diagnostic: Diagnostic,
    api_version: String,
    place: Option<Place>,
}

/// Texts of files that can't be read again: standard input.
pub type Texts = BTreeMap<Arc<Path>, String>;

impl Places {
    /// No objects yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An object is new or stands elsewhere. Returns whether it is new.
    pub fn put(&mut self, located: &Located) -> bool {
        let Located { object, place } = located;
        let stands = (object.api_version.clone(), place.clone());
        self.objects.insert(located.key(), stands).is_none()
    }

    /// An object is gone.
    pub fn remove(&mut self, key: &Key) {
        self.objects.remove(key);
    }

    /// Finds the objects of diagnostics. Cheap: no file is read. What lowering and linking both
    /// found is said once, by whichever comes first.
    pub fn address(&self, diagnostics: impl IntoIterator<Item = Diagnostic>) -> Vec<Addressed> {
        let address = |diagnostic: Diagnostic| {
            let key = diagnostic.object.as_deref().map(key_of);
            let (api_version, place) = match key.and_then(|key| self.objects.get(&key)) {
                Some((api_version, place)) => (api_version.clone(), Some(place.clone())),
                None => (String::new(), None),
            };
            Addressed {
                diagnostic,
                api_version,
                place,
            }
        };
        let mut said = HashSet::new();
        let is_new = |diagnostic: &Diagnostic| {
            topic(diagnostic.code).is_none_or(|topic| {
                said.insert((topic, diagnostic.object.clone(), diagnostic.path.clone()))
            })
        };
        diagnostics
            .into_iter()
            .filter(is_new)
            .map(address)
            .collect()
    }
}

/// What a code is about, if lowering (which sees one object) and linking (which sees all) both
/// look for it. Other codes may stand several times at one field, with different messages.
fn topic(code: &str) -> Option<&'static str> {
    match code {
        "unreachable-rule" => Some("rule"),
        "unreachable-match" | "shadowed-match" | "duplicate-match" => Some("match"),
        _ => None,
    }
}

/// Finds the lines, reading each file once. Sorted; equal records are one.
pub fn locate(
    addressed: impl IntoIterator<Item = Addressed>,
    faults: &[SourceFault],
    texts: &Texts,
) -> Vec<Record> {
    let mut lines = Lines {
        texts,
        files: HashMap::new(),
    };
    let found = addressed.into_iter().map(|addressed| {
        let Addressed {
            mut diagnostic,
            api_version,
            place,
        } = addressed;
        if let Some(place) = &place
            && diagnostic.code == REFUSED_BY_PROXY
        {
            lines.narrow(place, &mut diagnostic);
        }
        let (file, line) = match place {
            None => Default::default(),
            Some(place) => {
                let line = lines.find(&place, &diagnostic.path).unwrap_or(0);
                let written = place.as_written(&diagnostic.path);
                if written.len() != diagnostic.path.len() {
                    diagnostic.path = Arc::from(written);
                }
                (place.file().display().to_string(), line)
            }
        };
        Record {
            file,
            line,
            diagnostic,
            api_version,
        }
    });
    let mut records: Vec<_> = found.collect();
    records.extend(faults.iter().map(of_fault));
    records.sort();
    records.dedup();
    records
}

fn of_fault(fault: &SourceFault) -> Record {
    let SourceFault {
        file,
        line,
        path,
        code,
        message,
        hint,
        object,
        api_version,
    } = fault;
    Record {
        file: file.display().to_string(),
        line: *line,
        diagnostic: Diagnostic {
            severity: Severity::Error,
            code,
            object: object.as_ref().map(|key| Arc::new(object_of(key))),
            path: Arc::from(path.as_str()),
            message: message.clone(),
            hint: hint.clone(),
        },
        api_version: api_version.clone(),
    }
}

/// The same identity in the source's words.
pub fn key_of(object: &ObjectRef) -> Key {
    let ObjectRef {
        group,
        kind,
        namespace,
        name,
    } = object.clone();
    Key {
        group,
        kind,
        namespace,
        name,
    }
}

/// The same identity in the mesh's words.
pub fn object_of(key: &Key) -> ObjectRef {
    let Key {
        group,
        kind,
        namespace,
        name,
    } = key.clone();
    ObjectRef {
        group,
        kind,
        namespace,
        name,
    }
}

/// The texts of files and where their fields stand, each found once per report.
struct Lines<'a> {
    texts: &'a Texts,
    files: HashMap<Arc<Path>, Option<(String, Positions)>>,
}

impl Lines<'_> {
    fn find(&mut self, place: &Place, path: &str) -> Option<usize> {
        let (text, positions) = self.read(place)?;
        place.line(positions, text, path)
    }

    /// A proxy does not know the fields of objects, but its words mostly repeat what is in them.
    fn narrow(&mut self, place: &Place, diagnostic: &mut Diagnostic) {
        let words = diagnostic.message.split_once(": ").map(|(_, words)| words);
        if let Some((text, _)) = self.read(place)
            && let Some(words) = words
            && let Some(path) = quoted::field(text, place, &diagnostic.path, words)
        {
            diagnostic.path = path;
        }
    }

    fn read(&mut self, place: &Place) -> Option<&(String, Positions)> {
        let path = match &place.home {
            Home::File { path, document: _ } => path,
            Home::ApiServer => return None,
        };
        let file = self.files.entry(path.clone()).or_insert_with(|| {
            let text = match self.texts.get(path) {
                Some(text) => text.clone(),
                None => std::fs::read_to_string(path).ok()?,
            };
            let positions = Positions::of(&text);
            Some((text, positions))
        });
        file.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ferromesh_mesh::diagnostic::{Diagnostic, Severity};
    use ferromesh_mesh::origin::ObjectRef;

    use super::Places;

    #[test]
    fn what_lowering_and_linking_both_found_is_said_once() {
        let object = Arc::new(ObjectRef {
            group: Arc::from("networking.istio.io"),
            kind: Arc::from("VirtualService"),
            namespace: Arc::from("shop"),
            name: Arc::from("web"),
        });
        let diagnostic = |code: &'static str, path: &str, message: &str| Diagnostic {
            severity: Severity::Warning,
            code,
            object: Some(object.clone()),
            path: Arc::from(path),
            message: message.to_owned(),
            hint: None,
        };
        let addressed = Places::new().address([
            diagnostic("unreachable-rule", "spec.http[1]", "lowering"),
            diagnostic("shadowed-match", "spec.http[2].match[0]", "lowering"),
            diagnostic("port-taken", "spec", "one"),
            diagnostic("unreachable-rule", "spec.http[1]", "linking"),
            diagnostic("unreachable-rule", "spec.http[3]", "linking"),
            diagnostic("unreachable-match", "spec.http[2].match[0]", "linking"),
            diagnostic("port-taken", "spec", "another"),
        ]);
        let messages: Vec<_> = addressed
            .iter()
            .map(|addressed| &*addressed.diagnostic.message)
            .collect();
        assert_eq!(
            messages,
            ["lowering", "lowering", "one", "linking", "another"]
        );
    }
}
