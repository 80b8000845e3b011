//! Files that survive a crash: they are written beside, synchronised and then renamed, so that a
//! reader finds the old one or the new one and never a part.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Its owner.
    Private,
    /// Everybody.
    Public,
}

impl Mode {
    fn bits(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// Writes a file.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    let beside = directory.join(format!(".{}.new", name.to_string_lossy()));
    // Left over from a crash, if anything: writers of one directory hold its lock.
    remove(&beside)?;
    step()?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode.bits())
        .open(&beside)?;
    step()?;
    file.write_all(bytes)?;
    file.sync_all()?;
    step()?;
    fs::rename(&beside, path)?;
    step()?;
    sync(directory)
}

/// Makes a directory that only its owner may look into, and those above it as usual.
pub(crate) fn make_private_directory(path: &Path) -> io::Result<()> {
    if let Some(above) = path.parent() {
        fs::create_dir_all(above)?;
    }
    step()?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    }
}

/// Removes a file, if there is one.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    step()?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a directory with all that is in it, if there is one.
pub(crate) fn remove_directory(path: &Path) -> io::Result<()> {
    step()?;
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads a file, if there is one.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What to do while somebody else writes into a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Busy {
    /// Wait.
    Wait,
    /// Fail: it is tried again anyway, and whoever holds the lock mustn't hold us.
    Fail,
}

/// Keeps others from writing into a directory. The lock goes with what is returned, and with the
/// process.
pub(crate) fn lock(directory: &Path, busy: Busy) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(directory.join(".lock"))?;
    match busy {
        Busy::Wait => file.lock()?,
        Busy::Fail => file
            .try_lock()
            .map_err(|error| io::Error::other(format!("somebody else is writing: {error}")))?,
    }
    Ok(file)
}

/// A rename is only as lasting as the directory that it is in.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Where tests let the program die.
#[cfg(not(test))]
fn step() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(crate) use crash::step;

/// Dying at the n-th step of a thread.
#[cfg(test)]
pub(crate) mod crash {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// From the n-th step on, every step of this thread fails.
    pub(crate) fn after(steps: u32) {
        LEFT.set(Some(steps));
    }

    /// Steps of this thread work again.
    pub(crate) fn never() {
        LEFT.set(None);
    }

    pub(crate) fn step() -> io::Result<()> {
        match LEFT.get() {
            Some(0) => Err(io::Error::other("crashed")),
            Some(left) => {
                LEFT.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }
}
