//! The tokens of the directory source: one file per workload, `NAMESPACE.WORKLOAD`, that only its
//! owner may read. Whoever can read it is that workload.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::store::{self, Busy, Mode};

/// The random bytes of a token.
const BYTES: usize = 32;

/// The tokens in a directory. Only their hashes are kept in memory.
#[derive(Debug)]
pub struct Tokens {
    directory: PathBuf,
    holders: RwLock<HashMap<blake3::Hash, Holder>>,
}

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder {
    /// The namespace.
    pub namespace: String,
    /// The name of the pod or WorkloadEntry.
    pub name: String,
}

impl Tokens {
    /// Opens or makes the directory (mode 0700). Nobody has a token before
    /// [`Tokens::reconcile`].
    ///
    /// # Errors
    /// If the directory can't be made.
    pub fn open(directory: &Path) -> io::Result<Self> {
        store::make_private_directory(directory).map_err(|error| at(directory, &error))?;
        Ok(Self {
            directory: directory.to_owned(),
            holders: RwLock::default(),
        })
    }

    /// Makes tokens for those of these workloads that have none, keeps those that they have, and
    /// revokes all others. A token that others could read, or that is no token, is replaced.
    ///
    /// # Errors
    /// The first file that can't be written, read or removed; the others are as they should be.
    pub fn reconcile(&self, holders: &[Holder]) -> io::Result<()> {
        let _lock = store::lock(&self.directory, Busy::Wait)
            .map_err(|error| at(&self.directory, &error))?;
        let (mut held, mut fault) = (HashMap::new(), Ok(()));
        let wanted: BTreeMap<_, _> = holders
            .iter()
            .map(|holder| (holder.file(), holder))
            .collect();
        for (file, holder) in &wanted {
            let path = self.directory.join(file);
            let token = match check_name(holder) {
                Ok(()) => kept_or_made(&path),
                Err(error) => Err(error),
            };
            match token {
                Ok(hash) => {
                    held.insert(hash, (*holder).clone());
                }
                Err(error) => fault = fault.and(Err(at(&path, &error))),
            }
        }
        let names: BTreeSet<_> = wanted.keys().map(String::as_str).collect();
        let removed = self.revoke_all_but(&names);
        *self.holders.write().unwrap_or_else(PoisonError::into_inner) = held;
        fault.and(removed)
    }

    fn revoke_all_but(&self, names: &BTreeSet<&str>) -> io::Result<()> {
        let read = || fs::read_dir(&self.directory)?.collect::<io::Result<Vec<_>>>();
        let mut fault = Ok(());
        for entry in read().map_err(|error| at(&self.directory, &error))? {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if names.contains(&*name) || name == ".lock" {
                continue;
            }
            let path = entry.path();
            if path.is_dir() {
                continue;
            }
            fault = fault.and(store::remove(&path).map_err(|error| at(&path, &error)));
        }
        fault
    }

    /// The file of a workload's token.
    pub fn path(&self, holder: &Holder) -> PathBuf {
        self.directory.join(holder.file())
    }

    /// Whose token this is. Hashes are compared, so time says nothing of the tokens.
    pub fn holder(&self, token: &str) -> Option<Holder> {
        self.holders
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&blake3::hash(token.as_bytes()))
            .cloned()
    }
}

impl Holder {
    fn file(&self) -> String {
        format!("{}.{}", self.namespace, self.name)
    }
}

/// A name becomes part of a path; a namespace has no dots, which keeps files apart.
fn check_name(holder: &Holder) -> io::Result<()> {
    let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let namespace = &holder.namespace;
    let name = holder.name.bytes().all(|byte| sound(byte) || byte == b'.');
    if namespace.is_empty() || !namespace.bytes().all(sound) || holder.name.is_empty() || !name {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not the names of Kubernetes (lower-case letters, digits, '-' and '.')",
        ));
    }
    Ok(())
}

/// The hash of the token in a file, which is made if there is none that is fit.
fn kept_or_made(path: &Path) -> io::Result<blake3::Hash> {
    if let Some(hash) = kept(path)? {
        return Ok(hash);
    }
    let mut bytes = [0; BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no random numbers"))?;
    let token = URL_SAFE_NO_PAD.encode(bytes);
    store::write(path, token.as_bytes(), Mode::Private)?;
    Ok(blake3::hash(token.as_bytes()))
}

fn kept(path: &Path) -> io::Result<Option<blake3::Hash>> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    if !metadata.is_file() || metadata.permissions().mode() & 0o077 != 0 {
        return Ok(None);
    }
    let text = fs::read(path)?;
    let token = text.trim_ascii();
    let fit = URL_SAFE_NO_PAD
        .decode(token)
        .is_ok_and(|bytes| bytes.len() == BYTES);
    Ok(fit.then(|| blake3::hash(token)))
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(name: &str) -> Holder {
        Holder {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        }
    }

    fn read(tokens: &Tokens, name: &str) -> String {
        fs::read_to_string(tokens.path(&holder(name))).expect("a token")
    }

    fn opened() -> (tempfile::TempDir, Tokens) {
        let directory = tempfile::tempdir().expect("a directory");
        let tokens = Tokens::open(&directory.path().join("tokens")).expect("the store");
        (directory, tokens)
    }

    #[test]
    fn a_token_is_its_holders_alone_and_ends_with_it() {
        let (directory, tokens) = opened();
        tokens
            .reconcile(&[holder("a"), holder("b.c")])
            .expect("tokens");
        let (a, b) = (read(&tokens, "a"), read(&tokens, "b.c"));
        assert_eq!(a.len(), 43);
        assert_ne!(a, b);
        assert_eq!(tokens.holder(&a), Some(holder("a")));
        assert_eq!(tokens.holder(&b), Some(holder("b.c")));
        assert_eq!(tokens.holder(&a[1..]), None);
        assert_eq!(tokens.holder(""), None);
        let mode = |path: &Path| fs::metadata(path).expect("it").permissions().mode() & 0o777;
        assert_eq!(mode(&tokens.path(&holder("a"))), 0o600);
        assert_eq!(mode(&directory.path().join("tokens")), 0o700);

        tokens.reconcile(&[holder("a")]).expect("tokens");
        assert_eq!(read(&tokens, "a"), a, "kept");
        assert_eq!(tokens.holder(&b), None, "revoked");
        assert!(!tokens.path(&holder("b.c")).exists());

        let again = Tokens::open(&directory.path().join("tokens")).expect("the store");
        assert_eq!(again.holder(&a), None, "before anybody is known");
        again.reconcile(&[holder("a")]).expect("tokens");
        assert_eq!(again.holder(&a), Some(holder("a")), "after a restart");
    }

    #[test]
    fn what_others_could_read_or_is_no_token_is_replaced() {
        let (_directory, tokens) = opened();
        tokens.reconcile(&[holder("a")]).expect("tokens");
        let path = tokens.path(&holder("a"));
        let before = read(&tokens, "a");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a mode");
        tokens.reconcile(&[holder("a")]).expect("tokens");
        assert_ne!(read(&tokens, "a"), before);
        assert_eq!(tokens.holder(&before), None);

        fs::write(&path, "short").expect("a file");
        tokens.reconcile(&[holder("a")]).expect("tokens");
        assert_eq!(tokens.holder("short"), None);
        assert_eq!(tokens.holder(&read(&tokens, "a")), Some(holder("a")));

        fs::remove_file(&path).expect("removed");
        std::os::unix::fs::symlink("/dev/null", &path).expect("a link");
        tokens.reconcile(&[holder("a")]).expect("tokens");
        assert_eq!(tokens.holder(&read(&tokens, "a")), Some(holder("a")));
    }

    #[test]
    fn only_files_are_removed() {
        let (_directory, tokens) = opened();
        fs::create_dir(tokens.directory.join("not.ours")).expect("a directory");
        fs::write(tokens.directory.join(".shop.a.new"), "left by a crash").expect("a file");
        tokens.reconcile(&[holder("a")]).expect("tokens");
        let mut names: Vec<_> = fs::read_dir(&tokens.directory)
            .expect("it")
            .map(|entry| entry.expect("it").file_name())
            .collect();
        names.sort();
        assert_eq!(names, [".lock", "not.ours", "shop.a"]);
    }

    #[test]
    fn names_stay_in_the_directory() {
        let (directory, tokens) = opened();
        for (namespace, name) in [
            ("shop", "../x"),
            ("shop", "a/b"),
            ("..", "x"),
            ("a.b", "c"),
            ("", "lock"),
            ("shop", ""),
            ("shop", "a\0"),
        ] {
            let bad = Holder {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            };
            let fault = tokens.reconcile(&[bad, holder("good")]).expect_err(name);
            assert!(fault.to_string().contains("not the names"), "{fault}");
            assert_eq!(tokens.holder(&read(&tokens, "good")), Some(holder("good")));
        }
        assert_eq!(fs::read_dir(directory.path()).expect("it").count(), 1);
    }
}
