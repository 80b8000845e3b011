//! What the kernel says about files, gathered until somebody has time to look.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RemoveKind};

use super::scan::{is_hidden, is_source};

/// What may be one step of several is looked at when nothing has happened for this long: a file
/// renamed is two events, an object moved is two files.
const QUIET: Duration = Duration::from_millis(2);
/// But not later than this after the first event.
const PATIENCE: Duration = Duration::from_millis(10);
/// Whoever removes the whole directory removes its files first, and that must not look like the
/// removal of objects: removals are looked at later.
const QUIET_AFTER_REMOVALS: Duration = Duration::from_millis(20);
const PATIENCE_WITH_REMOVALS: Duration = Duration::from_millis(400);

/// What is to be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Signals {
    /// Files that were written, removed or replaced.
    pub dirty: BTreeSet<PathBuf>,
    /// Files that somebody has begun to write and not yet closed.
    pub writing: BTreeSet<PathBuf>,
    /// Watched directories that are gone, even if there are new ones of the same name.
    pub lost: BTreeSet<PathBuf>,
    /// Anything may have changed.
    pub rescan: bool,
    removals: bool,
}

/// What the events are about.
#[derive(Debug, Default)]
pub(super) struct Territory {
    /// Real directories whose files stand under the paths that are their values.
    pub plain: BTreeMap<PathBuf, PathBuf>,
    /// All real directories that matter.
    pub watched: BTreeSet<PathBuf>,
    /// Entries, outside of them, on the way to the root.
    pub approach: BTreeSet<PathBuf>,
}

#[derive(Debug, Default)]
struct State {
    signals: Signals,
    territory: Territory,
    events: u64,
    closed: bool,
}

/// Shared by the kernel's messenger and the reader.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is plain data: whoever panicked has not left it half-written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event.
    pub fn ring(&self, event: notify::Result<notify::Event>) {
        let mut state = self.lock();
        let State {
            signals,
            territory,
            events,
            closed: _,
        } = &mut *state;
        let is_news = match event {
            Ok(event) if !event.need_rescan() => signals.take(territory, &event),
            // Events were lost.
            Ok(_) | Err(_) => {
                signals.rescan = true;
                signals.writing.clear();
                true
            }
        };
        if is_news {
            *events += 1;
            self.rung.notify_all();
        }
    }

    /// From now on, events are about this.
    pub fn set_territory(&self, territory: Territory) {
        self.lock().territory = territory;
    }

    /// Nobody is interested any more.
    pub fn close(&self) {
        self.lock().closed = true;
        self.rung.notify_all();
    }

    /// Waits until something has happened, or until `at_most` has passed, which is a reason to
    /// look at everything. `None` if nobody is interested.
    pub fn wait(&self, at_most: Duration) -> Option<Signals> {
        let deadline = Instant::now() + at_most;
        let mut state = self.lock();
        while !state.closed && !state.signals.is_news() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.signals.rescan = true;
                // A writer that says nothing for so long has been missed.
                state.signals.writing.clear();
                break;
            }
            state = self.wait_timeout(state, left);
        }
        (!state.closed).then(|| state.signals.take_all())
    }

    /// Waits until things have become quiet, and adds what has happened in the meantime to what
    /// happened before.
    pub fn settle(&self, before: Signals) -> Signals {
        let mut state = self.lock();
        state.signals.precede(before);
        let first = Instant::now();
        while !state.closed {
            let seen = state.events;
            let (quiet, patience) = if state.signals.removals {
                (QUIET_AFTER_REMOVALS, PATIENCE_WITH_REMOVALS)
            } else {
                (QUIET, PATIENCE)
            };
            let since = Instant::now();
            while state.events == seen && !state.closed && since.elapsed() < quiet {
                state = self.wait_timeout(state, quiet.saturating_sub(since.elapsed()));
            }
            if state.events == seen || first.elapsed() >= patience {
                break;
            }
        }
        state.signals.take_all()
    }

    fn wait_timeout<'a>(
        &self,
        state: MutexGuard<'a, State>,
        at_most: Duration,
    ) -> MutexGuard<'a, State> {
        self.rung
            .wait_timeout(state, at_most)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

/// What an event is about.
enum Subject {
    /// The file at this path.
    File(PathBuf),
    /// Something in a directory that matters only if it is a directory or a link.
    Entry,
    /// Something else that matters.
    Other,
}

impl Territory {
    fn subject(&self, path: &Path) -> Option<Subject> {
        if self.approach.contains(path) || self.watched.contains(path) {
            return Some(Subject::Other);
        }
        let directory = path.parent()?;
        match self.plain.get(directory) {
            Some(shown) if is_source(path) => Some(Subject::File(shown.join(path.file_name()?))),
            Some(_) => (!is_hidden(path)).then_some(Subject::Entry),
            None => self.watched.contains(directory).then_some(Subject::Other),
        }
    }
}

impl Signals {
    /// Everything is to be looked at.
    pub fn everything() -> Self {
        Self {
            rescan: true,
            ..Self::default()
        }
    }

    fn is_news(&self) -> bool {
        self.rescan || !self.dirty.is_empty()
    }

    /// Whether nothing has happened but that files are complete which have another content.
    pub fn is_plain(&self) -> bool {
        !self.rescan && !self.removals && self.lost.is_empty()
    }

    /// All of it; files that are being written go on being written.
    fn take_all(&mut self) -> Self {
        let rest = Self {
            writing: self.writing.clone(),
            ..Self::default()
        };
        std::mem::replace(self, rest)
    }

    /// Adds what happened before.
    fn precede(&mut self, before: Self) {
        let Self {
            dirty,
            writing: _,
            lost,
            rescan,
            removals,
        } = before;
        self.dirty.extend(dirty);
        self.lost.extend(lost);
        self.rescan |= rescan;
        self.removals |= removals;
    }

    /// Takes an event; whether there is something to look at now.
    fn take(&mut self, territory: &Territory, event: &notify::Event) -> bool {
        let mut is_news = false;
        for path in &event.paths {
            is_news |= match territory.subject(path) {
                Some(Subject::File(shown)) => self.file(event.kind, shown),
                Some(Subject::Entry) => leads_on(event.kind, path) && self.other(event.kind, path),
                Some(Subject::Other) => self.other(event.kind, path),
                None => false,
            };
        }
        is_news
    }

    fn file(&mut self, kind: EventKind, path: PathBuf) -> bool {
        match kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                self.writing.remove(&path);
            }
            EventKind::Access(_) => return false,
            // Half a file is no file: its writer will close it.
            EventKind::Modify(ModifyKind::Data(_)) => {
                self.writing.insert(path);
                return false;
            }
            EventKind::Create(CreateKind::File) => match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_symlink() || metadata.is_dir() => {
                    self.rescan = true;
                    return true;
                }
                // A second name of a file that is complete.
                Ok(metadata) if metadata.nlink() > 1 => {}
                Ok(_) => {
                    self.writing.insert(path);
                    return false;
                }
                Err(_) => return false,
            },
            EventKind::Modify(ModifyKind::Metadata(_)) if self.writing.contains(&path) => {
                return false;
            }
            EventKind::Remove(RemoveKind::File) | EventKind::Modify(ModifyKind::Name(_)) => {
                self.writing.remove(&path);
                self.removals |= !path.exists();
            }
            _ => {
                self.rescan = true;
                return true;
            }
        }
        self.dirty.insert(path);
        true
    }

    fn other(&mut self, kind: EventKind, path: &Path) -> bool {
        match kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                self.writing.remove(path);
            }
            EventKind::Access(_) => return false,
            EventKind::Modify(ModifyKind::Data(_)) => {
                self.writing.insert(path.to_owned());
                return false;
            }
            EventKind::Remove(_) => {
                self.writing.remove(path);
                self.lost.insert(path.to_owned());
                self.removals = true;
            }
            EventKind::Modify(ModifyKind::Name(_)) => {
                self.writing.remove(path);
                self.lost.insert(path.to_owned());
            }
            _ => {}
        }
        self.rescan = true;
        true
    }
}

/// Whether there may be files below a new entry.
fn leads_on(kind: EventKind, path: &Path) -> bool {
    match kind {
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Data(_)) | EventKind::Remove(_) => {
            false
        }
        _ => fs::symlink_metadata(path)
            .is_ok_and(|metadata| metadata.is_dir() || metadata.is_symlink()),
    }
}
