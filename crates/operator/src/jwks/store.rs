//! The last good keys on disk, so that a control plane that starts while an issuer is away goes on
//! as before.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ferromesh_mesh::policy::jwt::KeySource;
use serde_json::{Value, json};

use super::{Held, keys, name};

/// A directory with one file for each source; or none, then nothing outlives the program.
#[derive(Clone, Debug)]
pub struct Store(Option<PathBuf>);

impl Store {
    /// Opens or makes the directory and reads what is in it. What can't be read is left out: it is
    /// fetched again.
    ///
    /// # Errors
    /// If the directory can't be made.
    pub fn open(directory: Option<&Path>) -> io::Result<(Self, Held)> {
        let Some(directory) = directory else {
            return Ok((Self(None), Held::new()));
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let mut held = Held::new();
        for entry in fs::read_dir(directory)?.flatten() {
            match read(&entry.path()) {
                Some((source, keys)) => drop(held.insert(source, keys)),
                None => {
                    tracing::warn!(file = %entry.path().display(), "no stored keys: passed over")
                }
            }
        }
        Ok((Self(Some(directory.to_owned())), held))
    }

    /// Keeps keys.
    pub async fn put(&self, source: &KeySource, keys: &str) {
        let Some(path) = self.path(source) else {
            return;
        };
        let text = render(source, keys);
        let draft = path.with_extension("new");
        let written = async {
            tokio::fs::write(&draft, text).await?;
            tokio::fs::rename(&draft, &path).await
        };
        if let Err(error) = written.await {
            tracing::warn!(file = %path.display(), %error, "keys were not stored");
        }
    }

    /// Forgets keys.
    pub async fn remove(&self, source: &KeySource) {
        if let Some(path) = self.path(source) {
            // There need not be any.
            let _ = tokio::fs::remove_file(path).await;
        }
    }

    fn path(&self, source: &KeySource) -> Option<PathBuf> {
        let hash = blake3::hash(name(source).as_bytes()).to_hex();
        Some(self.0.as_ref()?.join(format!("{hash}.json")))
    }
}

fn render(source: &KeySource, keys: &str) -> String {
    let (kind, address) = match source {
        KeySource::Uri(uri) => ("uri", uri),
        KeySource::Issuer(issuer) => ("issuer", issuer),
        KeySource::Inline(_) | KeySource::Nobody => return String::new(),
    };
    json!({ kind: &**address, "jwks": keys }).to_string()
}

fn read(path: &Path) -> Option<(KeySource, Arc<str>)> {
    let value: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let text = |member| value.get(member).and_then(Value::as_str);
    let source = match (text("uri"), text("issuer")) {
        (Some(uri), None) => KeySource::Uri(Arc::from(uri)),
        (None, Some(issuer)) => KeySource::Issuer(Arc::from(issuer)),
        _ => return None,
    };
    // Whoever wrote the file may have been another version of this program.
    let keys = keys::checked(text("jwks")?.as_bytes()).ok()?;
    Some((source, Arc::from(keys)))
}
