//! What is in a directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Files of this size are not read at all.
pub(super) const MAX_FILE_BYTES: u64 = 256 << 20;

/// What tells one state of a file from another, symbolic links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What is in a directory.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The files that are to be read.
    pub files: BTreeMap<PathBuf, Stamp>,
    /// Directories and files that can't be looked at. What was read below them stays.
    pub faults: BTreeMap<PathBuf, String>,
    /// Links to nowhere under the names of files that are to be read. They are as good as gone.
    pub dangling: BTreeSet<PathBuf>,
    /// Real directories in which a change can change what is here.
    pub watched: BTreeSet<PathBuf>,
    /// Those of them to which no symbolic link below the root leads, and the paths under which
    /// their files are in [`Self::files`].
    pub plain: BTreeMap<PathBuf, PathBuf>,
    /// Entries of real directories through which symbolic links lead.
    pub approach: BTreeSet<PathBuf>,
    linked: BTreeSet<PathBuf>,
}

/// The code and the message of a link to nowhere.
pub(super) const DANGLING: (&str, &str) = ("missing-file", "a link to nowhere");

/// Whether a file of this name is read.
pub(super) fn is_source(path: &Path) -> bool {
    let named = path.extension().is_some_and(|extension| {
        ["yaml", "yml", "json"]
            .iter()
            .any(|known| extension == *known)
    });
    named && !is_hidden(path)
}

/// Whether a name begins with a dot.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Looks at everything below `root`.
///
/// # Errors
/// If `root` is no directory that can be read.
pub(super) fn scan(root: &Path) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let real = fs::canonicalize(root)?;
    let entries = fs::read_dir(root)?;
    scan.directory(root, real, entries, true, &mut Vec::new());
    let Scan { plain, linked, .. } = &mut scan;
    plain.retain(|real, _| !linked.contains(real));
    Ok(scan)
}

impl Scan {
    fn directory(
        &mut self,
        path: &Path,
        real: PathBuf,
        entries: fs::ReadDir,
        is_plain: bool,
        above: &mut Vec<PathBuf>,
    ) {
        // A link to a directory above would have no end.
        if above.contains(&real) {
            return;
        }
        self.watched.insert(real.clone());
        if is_plain {
            self.plain.insert(real.clone(), path.to_owned());
        } else {
            self.linked.insert(real.clone());
        }
        above.push(real);
        for entry in entries {
            match entry {
                Ok(entry) => self.entry(&path.join(entry.file_name()), is_plain, above),
                Err(error) => {
                    self.faults.insert(path.to_owned(), error.to_string());
                }
            }
        }
        above.pop();
    }

    fn entry(&mut self, path: &Path, is_plain: bool, above: &mut Vec<PathBuf>) {
        if is_hidden(path) {
            return;
        }
        let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
        if is_link {
            route(path, 0, &mut self.approach);
        }
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            // Gone since, or a link to nowhere: not there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if is_source(path) && path.is_symlink() {
                    self.dangling.insert(path.to_owned());
                }
                return;
            }
            Err(error) => {
                if is_source(path) {
                    self.faults.insert(path.to_owned(), error.to_string());
                }
                return;
            }
        };
        if metadata.is_dir() {
            let listed = fs::canonicalize(path).and_then(|real| Ok((real, fs::read_dir(path)?)));
            match listed {
                Ok((real, entries)) => {
                    self.directory(path, real, entries, is_plain && !is_link, above);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    self.faults.insert(path.to_owned(), error.to_string());
                }
            }
        } else if metadata.is_file() && is_source(path) {
            self.files.insert(path.to_owned(), Stamp::of(&metadata));
        }
    }
}

/// Adds the entries of real directories through which a path leads, symbolic links followed: if
/// one of them is replaced, the path may lead elsewhere.
pub(super) fn route(path: &Path, links: usize, entries: &mut BTreeSet<PathBuf>) {
    for part in path.ancestors() {
        let (Some(parent), Some(name)) = (part.parent(), part.file_name()) else {
            continue;
        };
        let Ok(real) = fs::canonicalize(parent) else {
            continue;
        };
        let entry = real.join(name);
        // As many links as the kernel follows.
        if entries.insert(entry)
            && links < 40
            && let Ok(target) = fs::read_link(part)
        {
            route(&parent.join(target), links + 1, entries);
        }
    }
}
