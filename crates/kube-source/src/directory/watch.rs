//! Watching: a thread of its own reads what has changed and hands over batches.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, thread};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::contents::Contents;
use super::index::{Delta, Index};
use super::load::{read_file, reader_of};
use super::scan::{DANGLING, Scan, Stamp, route, scan};
use super::signals::{Bell, Signals, Territory};
use crate::batch::{Batch, Coverage, SourceFault};

/// Everything is looked at now and then, whatever the kernel says: network file systems say
/// nothing.
const ROUND: Duration = Duration::from_secs(30);
/// The same where a directory can't be watched.
const ROUND_UNWATCHED: Duration = Duration::from_secs(1);

/// A directory that can't be watched at all.
#[derive(Debug)]
pub enum OpenError {
    /// It is not there, or can't be read.
    Directory(PathBuf, io::Error),
    /// The kernel has no more watches to give.
    Watcher(notify::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Watcher(error) => write!(f, "cannot watch files: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

/// A directory that is being watched.
#[derive(Debug)]
pub struct Watch {
    batches: mpsc::Receiver<Batch>,
    bell: Arc<Bell>,
}

impl Watch {
    /// Starts watching. Objects that say no namespace get the default one.
    ///
    /// # Errors
    /// If `root` is no directory that can be read, or the kernel gives no watches.
    pub fn open(root: &Path, default_namespace: &str) -> Result<Self, OpenError> {
        let unreadable = |error| OpenError::Directory(root.to_owned(), error);
        fs::read_dir(root).map_err(unreadable)?;
        let bell = Arc::new(Bell::default());
        let ringer = bell.clone();
        let watcher = notify::recommended_watcher(move |event| ringer.ring(event))
            .map_err(OpenError::Watcher)?;
        let reader = Reader {
            root: root.to_owned(),
            absolute_root: std::path::absolute(root).map_err(unreadable)?,
            default_namespace: default_namespace.to_owned(),
            bell: bell.clone(),
            watches: Watches {
                watcher,
                watched: BTreeMap::new(),
                refused: BTreeSet::new(),
                is_complete: false,
            },
            stamps: BTreeMap::new(),
            index: Index::default(),
            directory_faults: Vec::new(),
            reported: Vec::new(),
        };
        let (sender, batches) = mpsc::channel(1);
        thread::Builder::new()
            .name("directory".to_owned())
            .spawn(move || reader.run(&sender))
            .map_err(unreadable)?;
        Ok(Self { batches, bell })
    }

    /// The next batch; the first one is what there is at the start, and comes even if that is
    /// nothing. `None` only if the reader has died. May be dropped and called again at any time.
    pub async fn next(&mut self) -> Option<Batch> {
        self.batches.recv().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bell.close();
    }
}

struct Reader {
    /// As the user wrote it: paths in reports begin with it.
    root: PathBuf,
    absolute_root: PathBuf,
    default_namespace: String,
    bell: Arc<Bell>,
    watches: Watches,
    stamps: BTreeMap<PathBuf, Stamp>,
    index: Index,
    /// What is wrong with directories, by the last look at everything.
    directory_faults: Vec<SourceFault>,
    /// All faults of the last batch.
    reported: Vec<SourceFault>,
}

impl Reader {
    fn run(mut self, batches: &mpsc::Sender<Batch>) {
        let mut is_first = true;
        let mut delta = self.look_at(Signals::everything());
        loop {
            let Delta {
                changed,
                moved,
                removed,
            } = delta;
            let mut faults = self.index.faults();
            faults.extend(self.directory_faults.iter().cloned());
            faults.sort();
            let is_news = is_first
                || !(changed.is_empty() && moved.is_empty() && removed.is_empty())
                || faults != self.reported;
            if is_news {
                self.reported.clone_from(&faults);
                let batch = Batch {
                    changed,
                    moved,
                    removed,
                    faults,
                    coverage: Coverage::Complete,
                };
                if batches.blocking_send(batch).is_err() {
                    return;
                }
                is_first = false;
            }
            let round = if self.watches.is_complete {
                ROUND
            } else {
                ROUND_UNWATCHED
            };
            match self.bell.wait(round) {
                Some(signals) => delta = self.look(signals),
                None => return,
            }
        }
    }

    /// Looks at what the signals name: at once, if files say something else about the objects that
    /// they have had all along; otherwise when things have become quiet.
    fn look(&mut self, signals: Signals) -> Delta {
        if signals.is_plain() && !self.leads_elsewhere(&signals.dirty) {
            let files = self.read_all(&signals.dirty);
            if self.index.keeps_keys(&files) {
                return self.index.apply(files);
            }
        }
        let signals = self.bell.settle(signals);
        self.look_at(signals)
    }

    fn look_at(&mut self, signals: Signals) -> Delta {
        let mut dirty = signals.dirty;
        // If the root is gone, its files are not.
        let everything = signals.rescan || !self.root.is_dir() || self.leads_elsewhere(&dirty);
        if everything {
            self.watches.forget(&signals.lost);
            let Some(scan) = self.scan() else {
                return Delta::default();
            };
            let is_below_fault =
                |path: &Path| scan.faults.keys().any(|fault| path.starts_with(fault));
            let gone: Vec<_> = self
                .stamps
                .keys()
                .filter(|path| !scan.files.contains_key(*path) && !is_below_fault(path))
                .cloned()
                .collect();
            dirty.retain(|path| !is_below_fault(path));
            dirty.extend(gone);
            for (path, stamp) in &scan.files {
                if self.stamps.get(path) != Some(stamp) && !is_being_written(path, &signals.writing)
                {
                    dirty.insert(path.clone());
                }
            }
        }
        let files = self.read_all(&dirty);
        self.index.apply(files)
    }

    /// Whether a look at these paths alone would not tell everything: what is or was a link.
    fn leads_elsewhere(&self, paths: &BTreeSet<PathBuf>) -> bool {
        let was_dangling = |path: &Path| {
            let mut faults = self.directory_faults.iter();
            faults.any(|fault| fault.code == DANGLING.0 && *fault.file == *path)
        };
        paths
            .iter()
            .any(|path| path.is_symlink() || was_dangling(path))
    }

    fn read_all(&mut self, paths: &BTreeSet<PathBuf>) -> Vec<(Arc<Path>, Option<Contents>)> {
        let paths = paths.iter();
        paths
            .map(|path| (Arc::from(path.as_path()), self.read(path)))
            .collect()
    }

    /// Reads a file; `None` if it is gone.
    fn read(&mut self, path: &Path) -> Option<Contents> {
        // The stamp is older than what is read: a change in between is seen later, as a change.
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {
                self.stamps.insert(path.to_owned(), Stamp::of(&metadata));
                read_file(path, reader_of(&self.root, path, &self.default_namespace)).1
            }
            // It is there, but nobody can say what it is: what it said stays in force.
            Err(error) if !is_absence(&error) => Some(Contents::unavailable(
                &Arc::from(path),
                "unreadable-file",
                error.to_string(),
            )),
            _ => {
                self.stamps.remove(path);
                None
            }
        }
    }

    /// Looks at everything, and watches what there is; `None` if the root is not there.
    fn scan(&mut self) -> Option<Scan> {
        let looked = loop {
            let looked = scan(&self.root);
            let (watched, plain, mut approach) = match &looked {
                Ok(scan) => (
                    scan.watched.clone(),
                    scan.plain.clone(),
                    scan.approach.clone(),
                ),
                Err(_) => (BTreeSet::new(), BTreeMap::new(), BTreeSet::new()),
            };
            route(&self.absolute_root, 0, &mut approach);
            let beside: BTreeSet<_> = approach
                .iter()
                .filter_map(|entry| entry.parent())
                .filter(|directory| !watched.contains(*directory))
                .map(Path::to_owned)
                .collect();
            self.bell.set_territory(Territory {
                plain,
                watched: watched.clone(),
                approach,
            });
            // What happened in a new directory before it was watched is seen by looking again.
            if !self.watches.set(&watched, &beside) {
                break looked;
            }
        };
        let fault = |file: &Path, code, message, hint| SourceFault {
            file: Arc::from(file),
            line: 0,
            path: String::new(),
            code,
            message,
            hint,
            object: None,
            api_version: String::new(),
        };
        match looked {
            Ok(scan) => {
                self.directory_faults = scan
                    .faults
                    .iter()
                    .map(|(path, message)| fault(path, "unreadable-file", message.clone(), None))
                    .chain(scan.dangling.iter().map(|path| {
                        let (code, message) = DANGLING;
                        fault(path, code, message.to_owned(), None)
                    }))
                    .collect();
                Some(scan)
            }
            Err(error) => {
                self.directory_faults = vec![fault(
                    &self.root,
                    "missing-directory",
                    format!("the directory can't be read: {error}"),
                    Some("what was last read from it stays in force until it is back".to_owned()),
                )];
                None
            }
        }
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn is_being_written(path: &Path, writing: &BTreeSet<PathBuf>) -> bool {
    !writing.is_empty()
        && (writing.contains(path)
            || fs::canonicalize(path).is_ok_and(|real| writing.contains(&real)))
}

/// The watches that there are.
struct Watches {
    watcher: RecommendedWatcher,
    /// Real directories, and what they were when the watch began.
    watched: BTreeMap<PathBuf, (u64, u64)>,
    /// Directories that can't be watched, and of which that has been said.
    refused: BTreeSet<PathBuf>,
    /// Whether all directories are watched.
    is_complete: bool,
}

impl Watches {
    /// These directories are gone; others of the same name are not watched yet.
    fn forget(&mut self, lost: &BTreeSet<PathBuf>) {
        for path in lost {
            if self.watched.remove(path).is_some() {
                // The kernel may have forgotten it already.
                let _ = self.watcher.unwatch(path);
            }
        }
    }

    /// Watches these directories and, as far as possible, those beside them, and no others;
    /// whether some of them are new.
    fn set(&mut self, directories: &BTreeSet<PathBuf>, beside: &BTreeSet<PathBuf>) -> bool {
        let now: BTreeMap<_, _> = directories
            .union(beside)
            .filter_map(|path| {
                let metadata = fs::metadata(path).ok()?;
                Some((path.clone(), (metadata.dev(), metadata.ino())))
            })
            .collect();
        let lost = self
            .watched
            .iter()
            .filter(|(path, was)| now.get(*path) != Some(was))
            .map(|(path, _)| path.clone())
            .collect();
        // First, since one directory under two names would be one watch.
        self.forget(&lost);
        self.is_complete = true;
        let mut is_new = false;
        for (path, id) in now {
            if self.watched.contains_key(&path) {
                continue;
            }
            match self.watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.refused.remove(&path);
                    self.watched.insert(path, id);
                    is_new = true;
                }
                Err(_) if beside.contains(&path) => {}
                Err(error) => {
                    if self.refused.insert(path.clone()) {
                        tracing::warn!(path = %path.display(), %error, "directory is looked at every second: it can't be watched");
                    }
                    self.is_complete = false;
                }
            }
        }
        is_new
    }
}
