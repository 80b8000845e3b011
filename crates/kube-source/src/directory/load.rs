//! Reading once, for offline tools.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::contents::{Contents, Reader};
use super::index::Index;
use super::scan::{DANGLING, MAX_FILE_BYTES, Scan, scan};
use crate::batch::{Located, SourceFault};

/// All objects of some directories and files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// Objects, by place; each key once.
    pub objects: Vec<Located>,
    /// What is not readable, sorted.
    pub faults: Vec<SourceFault>,
    /// The text of standard input, if it was read: lines in it can't be found by reading again.
    pub stdin: Option<String>,
}

/// Reads directories, files, and standard input (`-`). A path that is not there is a fault
/// `missing-file`.
pub fn load<P: AsRef<Path>>(paths: &[P], default_namespace: &str) -> Loaded {
    let mut files = Vec::new();
    let mut stdin = None;
    for path in paths {
        let path = path.as_ref();
        if path == Path::new("-") {
            let (text, contents) = read_stdin(default_namespace);
            stdin = Some(text);
            files.push((Arc::from(path), Some(contents)));
        } else if path.is_dir() {
            files.extend(read_directory(path, default_namespace));
        } else {
            let reader = Reader {
                default_namespace,
                mesh_config: is_mesh_config(path),
            };
            files.push(read_file(path, reader));
        }
    }
    let mut index = Index::default();
    let delta = index.apply(files);
    Loaded {
        objects: delta.changed,
        faults: index.faults(),
        stdin,
    }
}

fn read_stdin(default_namespace: &str) -> (String, Contents) {
    let file: Arc<Path> = Arc::from(Path::new("-"));
    let mut bytes = Vec::new();
    let read = io::stdin()
        .lock()
        .take(MAX_FILE_BYTES)
        .read_to_end(&mut bytes);
    if let Err(error) = read {
        let contents = Contents::unavailable(&file, "unreadable-file", error.to_string());
        return (String::new(), contents);
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let reader = Reader {
        default_namespace,
        mesh_config: false,
    };
    (text, reader.read(&file, bytes))
}

fn read_directory(root: &Path, default_namespace: &str) -> Vec<(Arc<Path>, Option<Contents>)> {
    let Scan {
        files,
        faults,
        dangling,
        ..
    } = match scan(root) {
        Ok(scan) => scan,
        Err(error) => {
            let root: Arc<Path> = Arc::from(root);
            let contents = Contents::unavailable(&root, "unreadable-file", error.to_string());
            return vec![(root, Some(contents))];
        }
    };
    let unreadable = faults
        .into_iter()
        .map(|(path, message)| (path, "unreadable-file", message));
    let (code, message) = DANGLING;
    let dangling = dangling
        .into_iter()
        .map(|path| (path, code, message.to_owned()));
    let unavailable = unreadable.chain(dangling).map(|(path, code, message)| {
        let path: Arc<Path> = Arc::from(path);
        let contents = Contents::unavailable(&path, code, message);
        (path, Some(contents))
    });
    let files = files
        .into_keys()
        .map(|path| read_file(&path, reader_of(root, &path, default_namespace)));
    files.chain(unavailable).collect()
}

/// How a file of a directory is read: `mesh.yaml` at the root may be mesh configuration.
pub(super) fn reader_of<'a>(root: &Path, path: &Path, default_namespace: &'a str) -> Reader<'a> {
    Reader {
        default_namespace,
        mesh_config: path.parent() == Some(root) && is_mesh_config(path),
    }
}

fn is_mesh_config(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name == "mesh.yaml" || name == "mesh.yml")
}

/// Reads one file; `None` if it is gone.
pub(super) fn read_file(path: &Path, reader: Reader<'_>) -> (Arc<Path>, Option<Contents>) {
    let file: Arc<Path> = Arc::from(path);
    let contents = match read_bytes(path) {
        Ok(bytes) => reader.read(&file, bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Contents::unavailable(
            &file,
            "missing-file",
            "no such file or directory".to_owned(),
        ),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            let message = format!("the file is larger than {} MiB", MAX_FILE_BYTES >> 20);
            Contents::unavailable(&file, "too-large", message)
        }
        Err(error) => Contents::unavailable(&file, "unreadable-file", error.to_string()),
    };
    (file, Some(contents))
}

/// A file's bytes, unless it is too large.
pub(super) fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}
