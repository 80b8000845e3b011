//! What is in an image: files at their places, in one order and with nothing of the moment in them, so that the same input
//! gives the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use tar::{Builder, EntryType, Header};

#[derive(Clone, Debug)]
enum Entry {
    Folder { mode: u32 },
    Text { text: String },
    Program { source: PathBuf },
}

/// The file system of an image.
#[derive(Clone, Debug)]
pub struct Layer(BTreeMap<PathBuf, Entry>);

/// Who files are of, and who programs run as. Distroless images have the same.
const USERS: &str = "root:x:0:0:root:/:/sbin/nologin\n\
    istio-proxy:x:1337:1337:istio-proxy:/:/sbin/nologin\n\
    nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n";
const GROUPS: &str = "root:x:0:\nistio-proxy:x:1337:\nnonroot:x:65532:\n";

impl Layer {
    /// What every image has: a place for temporary files, and what the C library looks up.
    pub fn new() -> Self {
        let mut layer = Self(BTreeMap::new());
        layer.folder("tmp", 0o1777);
        layer.text("etc/passwd", USERS);
        layer.text("etc/group", GROUPS);
        layer.text("etc/nsswitch.conf", "hosts: files dns\n");
        layer
    }

    /// A folder.
    pub fn folder(&mut self, place: &str, mode: u32) {
        self.put(Path::new(place), Entry::Folder { mode });
    }

    /// A file that everybody may read.
    pub fn text(&mut self, place: &str, text: &str) {
        self.put(
            Path::new(place),
            Entry::Text {
                text: text.to_owned(),
            },
        );
    }

    /// A copy of a file that everybody may run. Links are followed, so it has its content at its place.
    pub fn program(&mut self, place: impl AsRef<Path>, source: &Path) {
        self.put(
            place.as_ref(),
            Entry::Program {
                source: source.to_owned(),
            },
        );
    }

    fn put(&mut self, place: &Path, entry: Entry) {
        let place: PathBuf = place
            .components()
            .filter(|part| matches!(part, Component::Normal(_)))
            .collect();
        for parent in place.ancestors().skip(1) {
            if parent != Path::new("") {
                self.0
                    .entry(parent.to_owned())
                    .or_insert(Entry::Folder { mode: 0o755 });
            }
        }
        self.0.insert(place, entry);
    }

    /// Writes it as a tar. The order of paths puts folders before what is in them.
    pub fn write(&self, output: impl Write) -> io::Result<()> {
        let mut tar = Builder::new(output);
        for (place, entry) in &self.0 {
            match entry {
                Entry::Folder { mode } => {
                    let mut header = header(EntryType::Directory, *mode, 0);
                    tar.append_data(&mut header, place, io::empty())?;
                }
                Entry::Text { text } => {
                    let mut header = header(EntryType::Regular, 0o644, text.len() as u64);
                    tar.append_data(&mut header, place, text.as_bytes())?;
                }
                Entry::Program { source } => {
                    let named = |error| io::Error::other(format!("{}: {error}", source.display()));
                    let file = fs::File::open(source).map_err(named)?;
                    let metadata = file.metadata().map_err(named)?;
                    // Libraries aren't marked as programs everywhere.
                    let mode = if metadata.permissions().mode() & 0o111 == 0 {
                        0o644
                    } else {
                        0o755
                    };
                    let mut header = header(EntryType::Regular, mode, metadata.len());
                    tar.append_data(&mut header, place, file)?;
                }
            }
        }
        tar.into_inner()?.flush()
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

#[cfg(test)]
mod tests {
    use super::Layer;

    #[test]
    fn the_order_of_making_and_the_moment_leave_no_trace() {
        let write = |layer: &Layer| {
            let mut bytes = Vec::new();
            layer.write(&mut bytes).expect("memory takes all");
            bytes
        };
        let mut one = Layer::new();
        one.text("a/b", "b");
        one.folder("a", 0o700);
        let mut other = Layer::new();
        other.folder("a", 0o700);
        other.text("/a/b", "b");
        assert_eq!(write(&one), write(&other));
    }

    #[test]
    fn folders_come_before_what_is_in_them() {
        let mut layer = Layer::new();
        layer.text("usr/local/share/x", "x");
        let mut bytes = Vec::new();
        layer.write(&mut bytes).expect("memory takes all");
        let mut archive = tar::Archive::new(bytes.as_slice());
        let names: Vec<String> = archive
            .entries()
            .expect("entries")
            .map(|entry| {
                let entry = entry.expect("an entry");
                entry.path().expect("a path").display().to_string()
            })
            .collect();
        let place = |name: &str| names.iter().position(|other| other == name);
        assert!(place("usr/local") < place("usr/local/share"), "{names:?}");
        assert!(
            place("usr/local/share") < place("usr/local/share/x"),
            "{names:?}"
        );
        assert!(place("usr/local").is_some(), "{names:?}");
    }
}
