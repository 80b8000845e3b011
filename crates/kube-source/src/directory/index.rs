//! Files into the changes of objects. Plain data in, plain data out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use ferromesh_api::Key;

use super::contents::{Contents, duplicate};
use crate::batch::{Located, SourceFault};

/// What changed, one entry per key.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Delta {
    /// Objects that are new or say something else, by place.
    pub changed: Vec<Located>,
    /// Objects that say the same at another place.
    pub moved: Vec<Located>,
    /// Objects that stand nowhere any more.
    pub removed: Vec<Key>,
}

/// All files that were read.
#[derive(Debug, Default)]
pub(super) struct Index {
    files: BTreeMap<Arc<Path>, File>,
    /// The files in which a key stands: the first counts.
    holders: HashMap<Key, BTreeSet<Arc<Path>>>,
    /// Keys that stand in several files.
    doubled: BTreeSet<Key>,
}

#[derive(Debug, Default)]
struct File {
    objects: HashMap<Key, Located>,
    faults: Vec<SourceFault>,
}

impl Index {
    /// Takes new contents of files; `None` for files that are gone. All of them are one change.
    pub fn apply(&mut self, files: Vec<(Arc<Path>, Option<Contents>)>) -> Delta {
        let mut before: BTreeMap<Key, Option<Located>> = BTreeMap::new();
        for (path, contents) in files {
            let old = self.files.remove(&path).unwrap_or_default();
            let new = contents.map(|contents| succeed(&old, contents));
            let keys_of = |file: Option<&File>| -> BTreeSet<Key> {
                file.into_iter()
                    .flat_map(|file| file.objects.keys().cloned())
                    .collect()
            };
            let (old_keys, new_keys) = (keys_of(Some(&old)), keys_of(new.as_ref()));
            // What counted before has to be known before the file is replaced.
            self.files.insert(path.clone(), old);
            for key in old_keys.union(&new_keys) {
                if !before.contains_key(key) {
                    before.insert(key.clone(), self.located(key).cloned());
                }
            }
            for key in old_keys.difference(&new_keys) {
                self.release(key, &path);
            }
            for key in new_keys.difference(&old_keys) {
                self.hold(key, &path);
            }
            match new {
                Some(new) => self.files.insert(path, new),
                None => self.files.remove(&path),
            };
        }
        self.delta(before)
    }

    /// Whether all of these files are readable and have just the objects that they had: then no
    /// other file can have a part in the change.
    pub fn keeps_keys(&self, files: &[(Arc<Path>, Option<Contents>)]) -> bool {
        files.iter().all(|(path, contents)| {
            let (Some(old), Some(new)) = (self.files.get(path), contents) else {
                return false;
            };
            new.faults.is_empty()
                && new.objects.len() == old.objects.len()
                && (new.objects.iter()).all(|located| old.objects.contains_key(&located.key()))
        })
    }

    fn delta(&self, before: BTreeMap<Key, Option<Located>>) -> Delta {
        let mut delta = Delta::default();
        for (key, before) in before {
            match (before, self.located(&key)) {
                (Some(before), Some(now)) if before.object == now.object => {
                    if before.place != now.place {
                        delta.moved.push(now.clone());
                    }
                }
                (_, Some(now)) => delta.changed.push(now.clone()),
                (Some(_), None) => delta.removed.push(key),
                (None, None) => {}
            }
        }
        delta.changed.sort_by(|a, b| a.place.cmp(&b.place));
        delta.moved.sort_by(|a, b| a.place.cmp(&b.place));
        delta
    }

    fn located(&self, key: &Key) -> Option<&Located> {
        let first = self.holders.get(key)?.first()?;
        self.files.get(first)?.objects.get(key)
    }

    fn hold(&mut self, key: &Key, path: &Arc<Path>) {
        let holders = self.holders.entry(key.clone()).or_default();
        holders.insert(path.clone());
        if holders.len() > 1 {
            self.doubled.insert(key.clone());
        }
    }

    fn release(&mut self, key: &Key, path: &Arc<Path>) {
        let Some(holders) = self.holders.get_mut(key) else {
            return;
        };
        holders.remove(path);
        if holders.len() < 2 {
            self.doubled.remove(key);
        }
        if holders.is_empty() {
            self.holders.remove(key);
        }
    }

    /// All faults there are, sorted.
    pub fn faults(&self) -> Vec<SourceFault> {
        let mut faults: Vec<_> = self
            .files
            .values()
            .flat_map(|file| file.faults.iter().cloned())
            .collect();
        for key in &self.doubled {
            let mut holders = self.holders.get(key).into_iter().flatten();
            let Some(first) = holders.next() else {
                continue;
            };
            for later in holders {
                let Some(located) = self.files.get(later).and_then(|file| file.objects.get(key))
                else {
                    continue;
                };
                let elsewhere = first.display().to_string();
                faults.push(SourceFault {
                    line: located.place.find_line("").unwrap_or(0),
                    ..duplicate(&located.object, &located.place, &elsewhere)
                });
            }
        }
        faults.sort();
        faults
    }
}

/// What counts of a file now, given what counted before.
fn succeed(old: &File, contents: Contents) -> File {
    let Contents {
        objects,
        faults,
        unreadable,
    } = contents;
    // Whoever breaks a file must not take back what it said; a file that never was readable says
    // what is readable of it.
    if unreadable && !old.objects.is_empty() {
        return File {
            objects: old.objects.clone(),
            faults,
        };
    }
    let mut objects: HashMap<_, _> = objects
        .into_iter()
        .map(|located| (located.key(), located))
        .collect();
    for key in faults.iter().filter_map(|fault| fault.object.as_ref()) {
        if let Some(kept) = old.objects.get(key) {
            objects.entry(key.clone()).or_insert_with(|| kept.clone());
        }
    }
    File { objects, faults }
}
