//! A copy of the samples with addresses of its own.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use ferromesh_testkit::manifests::Manifests;

/// The addresses of pods in the samples begin with this.
const PREFIX: &str = "127.10.0.";

/// A copy of the samples.
pub struct Copy {
    samples: PathBuf,
    manifests: Manifests,
    prefix: String,
    /// What was copied, by name: an edit of the copy stays until the sample itself is edited.
    copied: BTreeMap<String, String>,
}

impl Copy {
    /// Copies the samples; `block` is an address of the block that replaces theirs.
    pub fn make(samples: &Path, block: Ipv4Addr) -> Self {
        let [a, b, c, _] = block.octets();
        let mut copy = Self {
            samples: samples.to_owned(),
            manifests: Manifests::new(),
            prefix: format!("{a}.{b}.{c}."),
            copied: BTreeMap::new(),
        };
        assert!(
            !copy.refresh().is_empty(),
            "{}: there are no manifests",
            samples.display()
        );
        copy
    }

    /// The copy.
    pub fn manifests(&self) -> &Manifests {
        &self.manifests
    }

    /// Where the samples are.
    pub fn samples(&self) -> &Path {
        &self.samples
    }

    /// Carries over what has changed in the samples, and names it.
    pub fn refresh(&mut self) -> Vec<String> {
        let now = read(&self.samples);
        let mut changed = Vec::new();
        for (name, content) in &now {
            if self.copied.get(name) != Some(content) {
                self.manifests
                    .write(name, &content.replace(PREFIX, &self.prefix));
                changed.push(name.clone());
            }
        }
        for name in self.copied.keys().filter(|name| !now.contains_key(*name)) {
            self.manifests.remove(name);
            changed.push(name.clone());
        }
        self.copied = now;
        changed
    }
}

/// The files of the samples, by their path below it. A file that is being written just now is seen the next time.
fn read(samples: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![samples.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                let name = path.strip_prefix(samples).ok().and_then(Path::to_str);
                found.extend(
                    name.zip(fs::read_to_string(&path).ok())
                        .map(|(name, text)| (name.to_owned(), text)),
                );
            }
        }
    }
    found
}
