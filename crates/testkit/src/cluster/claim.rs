//! A folder that one process has for itself.

use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use ferromesh_chassis::Failure;

use super::at;

/// As long as it lives, nobody else has a claim on the folder.
#[derive(Debug)]
pub struct Claim {
    _lock: File,
}

impl Claim {
    /// Waits until nobody else has the folder, which is made if it isn't there.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn take(folder: &Path) -> Result<Self, Failure> {
        loop {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(at(folder))?;
            let Ok(lock) = File::open(folder) else {
                // Removed in this moment.
                continue;
            };
            lock.lock().map_err(at(folder))?;
            let mine = lock.metadata().map_err(at(folder))?.ino();
            // Whoever had it may have removed it.
            if fs::metadata(folder).is_ok_and(|current| current.ino() == mine) {
                return Ok(Self { _lock: lock });
            }
        }
    }
}
