//! Diagnostics back to their authors: with file and line. One shape for the offline tools, the
//! log and the debug page of the control plane.
//!
//! Lines are looked up only here, by reading the files again: while objects are compiled nobody
//! keeps them.

mod record;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use ferromesh_api::Key;
use ferromesh_mesh::diagnostic::{Diagnostic, Severity};
use ferromesh_mesh::origin::ObjectRef;

use crate::directory::{FileFault, Located};
use crate::place::Place;
use crate::yaml::Positions;

pub use record::Record;

/// Where every object stands.
#[derive(Clone, Debug, Default)]
pub struct Places {
    objects: HashMap<Key, (String, Place)>,
    /// Files that can't be read again.
    texts: BTreeMap<Arc<Path>, String>,
}

impl Places {
    /// No objects yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the text of a file that can't be read again (standard input).
    pub fn keep_text(&mut self, file: &Path, text: String) {
        self.texts.insert(Arc::from(file), text);
    }

    /// An object is new or stands elsewhere.
    pub fn put(&mut self, located: &Located) {
        let Located { object, place } = located;
        let api_version = object.api_version.clone();
        self.objects
            .insert(located.key(), (api_version, place.clone()));
    }

    /// An object is gone.
    pub fn remove(&mut self, key: &Key) {
        self.objects.remove(key);
    }

    /// The file in which an object stands.
    pub fn file(&self, key: &Key) -> Option<&Path> {
        self.objects.get(key).map(|(_, place)| &*place.file)
    }

    /// Records of diagnostics, sorted.
    pub fn report<'a>(
        &self,
        diagnostics: impl IntoIterator<Item = &'a Diagnostic>,
        faults: impl IntoIterator<Item = &'a FileFault>,
    ) -> Vec<Record> {
        let mut lines = Lines {
            texts: &self.texts,
            files: HashMap::new(),
        };
        let located = diagnostics
            .into_iter()
            .map(|diagnostic| self.locate(diagnostic, &mut lines));
        let mut records: Vec<_> = located.chain(faults.into_iter().map(of_fault)).collect();
        records.sort();
        records.dedup();
        records
    }

    fn locate(&self, diagnostic: &Diagnostic, lines: &mut Lines<'_>) -> Record {
        let key = diagnostic.object.as_deref().map(key_of);
        let (api_version, file, line) = match key.and_then(|key| self.objects.get(&key)) {
            None => Default::default(),
            Some((api_version, place)) => {
                let line = lines.find(place, &diagnostic.path).unwrap_or(0);
                (api_version.clone(), place.file.display().to_string(), line)
            }
        };
        Record {
            file,
            line,
            diagnostic: diagnostic.clone(),
            api_version,
        }
    }
}

fn of_fault(fault: &FileFault) -> Record {
    let FileFault {
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
    texts: &'a BTreeMap<Arc<Path>, String>,
    files: HashMap<Arc<Path>, Option<(String, Positions)>>,
}

impl Lines<'_> {
    fn find(&mut self, place: &Place, path: &str) -> Option<usize> {
        let file = self.files.entry(place.file.clone()).or_insert_with(|| {
            let text = match self.texts.get(&place.file) {
                Some(text) => text.clone(),
                None => std::fs::read_to_string(&place.file).ok()?,
            };
            let positions = Positions::of(&text);
            Some((text, positions))
        });
        let (text, positions) = file.as_ref()?;
        place.line(positions, text, path)
    }
}
