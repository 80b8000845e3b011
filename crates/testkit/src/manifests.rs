//! A directory of manifests, as a person edits it.

use std::fs;
use std::path::{Path, PathBuf};

/// A temporary directory of YAML files. It is removed when this is dropped.
#[derive(Debug)]
pub struct Manifests {
    folder: tempfile::TempDir,
}

impl Manifests {
    /// An empty directory.
    ///
    /// # Panics
    /// When it can't be made.
    pub fn new() -> Self {
        Self {
            folder: tempfile::Builder::new()
                .prefix("ferromesh-")
                .tempdir()
                .expect("a temporary directory"),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, making its folders. Whoever reads the directory sees the old or the new content, nothing between.
    ///
    /// # Panics
    /// When it can't be written.
    pub fn write(&self, name: &str, content: &str) {
        let path = self.file(name);
        fs::create_dir_all(path.parent().expect("a file lies in a folder"))
            .expect("a folder for the manifest");
        let draft = path.with_extension("draft");
        fs::write(&draft, content).expect("a draft of the manifest");
        fs::rename(&draft, &path).expect("the manifest in its place");
    }

    /// Copies a file from elsewhere, byte for byte.
    ///
    /// # Panics
    /// When it can't be read or written.
    pub fn copy(&self, from: &Path, name: &str) {
        let content =
            fs::read_to_string(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        self.write(name, &content);
    }

    /// Reads a file.
    ///
    /// # Panics
    /// When it isn't there.
    pub fn read(&self, name: &str) -> String {
        let path = self.file(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Replaces every occurrence of a text in a file.
    ///
    /// # Panics
    /// When the text isn't in it: the edit would do nothing.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let content = self.read(name);
        assert!(content.contains(from), "{name} does not contain {from:?}");
        self.write(name, &content.replace(from, to));
    }

    /// Removes a file.
    ///
    /// # Panics
    /// When it isn't there.
    pub fn remove(&self, name: &str) {
        let path = self.file(name);
        fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}

impl Default for Manifests {
    fn default() -> Self {
        Self::new()
    }
}
