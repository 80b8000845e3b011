//! Our own root as one value, for a store that replaces it as a whole and that several programs
//! share, such as a Secret. What is done to it is computed here, in a directory that is thrown
//! away; it counts only when the store has taken it and it was read from there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use ferromesh_identity::TrustDomain;

use super::home::Home;
use super::{RootFault, Rotation, rotation};
use crate::store::{self, Busy, Mode};

/// The files of an authority by name: `rotation.json`, and `ID.root-cert.pem`, `ID.root-key.pem`
/// and `ID.cross-cert.pem` of each root. They hold private keys.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The file that says which roots count.
const STATE: &str = "rotation.json";

/// The files of a root, and who may read them.
const OF_A_ROOT: [(&str, Mode); 3] = [
    ("root-cert.pem", Mode::Public),
    ("root-key.pem", Mode::Private),
    ("cross-cert.pem", Mode::Public),
];

/// What to do to an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the first root, if there is none.
    Found,
    /// Begin a rotation, if none has begun.
    Begin,
    /// Go on with a rotation, if it is time.
    Advance(Rotation),
}

/// What becomes of an authority by a step; `None` if nothing does. Works in the directory
/// `scratch`, which nobody else may use, and removes it.
///
/// # Errors
/// If the files are none of an authority, or the directory can't be used.
pub fn step(
    scratch: &Path,
    files: &Files,
    trust_domain: &TrustDomain,
    step: Step,
    now: Duration,
) -> Result<Option<Files>, RootFault> {
    let at = |error| RootFault::at(scratch, &error);
    store::remove_directory(scratch).map_err(at)?;
    let outcome = done(scratch, files, trust_domain, step, now);
    store::remove_directory(scratch).map_err(at)?;
    outcome
}

fn done(
    scratch: &Path,
    files: &Files,
    trust_domain: &TrustDomain,
    step: Step,
    now: Duration,
) -> Result<Option<Files>, RootFault> {
    if !files.is_empty() {
        unpack(scratch, files)?;
    }
    let home = Home::new(scratch, trust_domain);
    match step {
        Step::Found => rotation::found(&home, now)?,
        Step::Begin => drop(rotation::begin(&home, now)?),
        Step::Advance(rotation) => rotation::step(&home, rotation, now)?,
    }
    let after = pack(scratch)?;
    Ok((after != *files).then_some(after))
}

/// Puts the files where [`Roots::deposited`](super::Roots::deposited) reads them.
///
/// # Errors
/// If a file is none of an authority, or one can't be written.
pub fn unpack(state: &Path, files: &Files) -> Result<(), RootFault> {
    let directory = state.join(DIRECTORY);
    let at = |error| RootFault::at(&directory, &error);
    if !files.contains_key(STATE) {
        return Err(RootFault::at(Path::new(STATE), &"is missing"));
    }
    store::make_private_directory(&directory).map_err(at)?;
    let _lock = store::lock(&directory, Busy::Wait).map_err(at)?;
    let mut kept = Vec::new();
    for (name, bytes) in files.iter().filter(|(name, _)| *name != STATE) {
        let (id, file, mode) = of_a_root(name)?;
        let root = directory.join(id);
        store::make_private_directory(&root).map_err(at)?;
        write(&root.join(file), bytes, mode)?;
        kept.push(id);
    }
    // Whoever reads it has to find the roots that it names.
    if let Some(state) = files.get(STATE) {
        write(&directory.join(STATE), state, Mode::Private)?;
    }
    for entry in fs::read_dir(&directory).map_err(at)? {
        let entry = entry.map_err(at)?;
        let over = !kept.iter().any(|id| *entry.file_name() == **id);
        if over && entry.file_type().map_err(at)?.is_dir() {
            store::remove_directory(&entry.path()).map_err(at)?;
        }
    }
    Ok(())
}

/// Puts an authority that somebody else made where
/// [`Roots::plugged_in`](super::Roots::plugged_in) reads it. `files` are those of a Secret, with
/// Istio's keys or cert-manager's.
///
/// # Errors
/// If one is missing or can't be written.
pub fn unpack_plugged_in(directory: &Path, files: &Files) -> Result<(), RootFault> {
    let at = |error| RootFault::at(directory, &error);
    store::make_private_directory(directory).map_err(at)?;
    for (name, keys, need) in PLUGGED_IN {
        let path = directory.join(name);
        match (keys.iter().find_map(|key| files.get(*key)), need) {
            (Some(bytes), _) => write(&path, bytes, Mode::Private)?,
            (None, Need::Optional) => store::remove(&path).map_err(at)?,
            (None, Need::Required) => {
                let missing = format!("is missing (keys {})", keys.join(" or "));
                return Err(RootFault::at(Path::new(name), &missing));
            }
        }
    }
    Ok(())
}

/// The files of an authority that somebody else made, and under which keys they may be found:
/// Istio's first, then those of cert-manager.
const PLUGGED_IN: [(&str, &[&str], Need); 4] = [
    (
        "root-cert.pem",
        &["root-cert.pem", "ca.crt"],
        Need::Required,
    ),
    ("ca-cert.pem", &["ca-cert.pem", "tls.crt"], Need::Required),
    ("ca-key.pem", &["ca-key.pem", "tls.key"], Need::Required),
    ("cert-chain.pem", &["cert-chain.pem"], Need::Optional),
];

/// Whether there has to be a file.
#[derive(Clone, Copy)]
enum Need {
    Required,
    Optional,
}

/// Where [`Home`] has its files in a state directory.
const DIRECTORY: &str = "ca";

fn pack(state: &Path) -> Result<Files, RootFault> {
    let directory = state.join(DIRECTORY);
    let at = |error| RootFault::at(&directory, &error);
    let mut files = Files::new();
    let mut take = |path: &Path, name: String| {
        let bytes = store::read(path).map_err(|error| RootFault::at(path, &error))?;
        files.extend(bytes.map(|bytes| (name, bytes)));
        Ok::<_, RootFault>(())
    };
    take(&directory.join(STATE), STATE.to_owned())?;
    for entry in fs::read_dir(&directory).map_err(at)? {
        let entry = entry.map_err(at)?;
        if !entry.file_type().map_err(at)?.is_dir() {
            continue;
        }
        let id = entry.file_name();
        for (file, _) in OF_A_ROOT {
            let name = format!("{}.{file}", id.to_string_lossy());
            take(&entry.path().join(file), name)?;
        }
    }
    Ok(files)
}

/// The root, the file and who may read it. A name comes from a store that others may write to, so
/// it must not lead out of the directory.
fn of_a_root(name: &str) -> Result<(&str, &'static str, Mode), RootFault> {
    name.split_once('.')
        .filter(|(id, _)| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|(id, rest)| {
            let (file, mode) = OF_A_ROOT.into_iter().find(|(file, _)| *file == rest)?;
            Some((id, file, mode))
        })
        .ok_or_else(|| RootFault::at(Path::new(name), &"is no file of an authority"))
}

fn write(path: &Path, bytes: &[u8], mode: Mode) -> Result<(), RootFault> {
    let at = |error| RootFault::at(path, &error);
    if store::read(path).map_err(at)?.as_deref() == Some(bytes) {
        return Ok(());
    }
    store::write(path, bytes, mode).map_err(at)
}

#[cfg(test)]
mod tests {
    use super::super::{Roots, Stage};
    use super::*;

    const ROTATION: Rotation = Rotation {
        hold: Duration::from_secs(10),
        retire: Duration::from_secs(20),
    };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(1_800_000_000 + seconds)
    }

    #[test]
    fn a_root_is_made_and_rotated_without_a_directory_of_its_own() {
        let directory = tempfile::tempdir().expect("a directory");
        let scratch = directory.path().join("scratch");
        let state = directory.path().join("state");
        let own = TrustDomain::default();
        let next = |files: &Files, what, now| {
            step(&scratch, files, &own, what, now).expect("a step that can be done")
        };
        let first = next(&Files::new(), Step::Found, at(0)).expect("a first root");
        assert_eq!(next(&first, Step::Found, at(1)), None, "there is one");
        assert_eq!(next(&first, Step::Advance(ROTATION), at(1)), None);

        unpack(&state, &first).expect("files of an authority");
        let roots = Roots::deposited(&state, &own, at(1)).expect("roots");
        let stage = |files: &Files, now| {
            unpack(&state, files).expect("files of an authority");
            let stage = roots.step(now).expect("roots that can be read");
            (stage, roots.watch().borrow().bundle.roots().len())
        };
        assert_eq!(stage(&first, at(2)), (Stage::Stable, 1));

        let begun = next(&first, Step::Begin, at(2)).expect("a second root");
        assert_eq!(
            stage(&begun, at(100)),
            (Stage::Introduced, 2),
            "who reads does not go on"
        );
        assert_eq!(next(&begun, Step::Begin, at(3)), None, "one has begun");
        assert_eq!(next(&begun, Step::Advance(ROTATION), at(11)), None);
        let switched = next(&begun, Step::Advance(ROTATION), at(12)).expect("the new one signs");
        assert_eq!(stage(&switched, at(12)), (Stage::Switched, 2));
        let over = next(&switched, Step::Advance(ROTATION), at(32)).expect("the old one goes");
        assert_eq!(stage(&over, at(32)), (Stage::Stable, 1));
        assert!(
            over.keys()
                .all(|name| !first.contains_key(name) || name == STATE)
        );
        assert!(!scratch.exists(), "no key is left behind");
    }

    #[test]
    fn a_plugged_in_authority_is_found_under_the_keys_of_istio_and_of_cert_manager() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = |names: &[&str]| -> Files {
            let file = |name: &&str| ((*name).to_owned(), name.as_bytes().to_vec());
            names.iter().map(file).collect()
        };
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).ok();
        let istio = files(&[
            "root-cert.pem",
            "ca-cert.pem",
            "ca-key.pem",
            "cert-chain.pem",
        ]);
        unpack_plugged_in(directory.path(), &istio).expect("Istio's");
        assert_eq!(read("cert-chain.pem").as_deref(), Some("cert-chain.pem"));
        let manager = files(&["ca.crt", "tls.crt", "tls.key"]);
        unpack_plugged_in(directory.path(), &manager).expect("cert-manager's");
        assert_eq!(read("ca-key.pem").as_deref(), Some("tls.key"));
        assert_eq!(
            read("cert-chain.pem"),
            None,
            "that of another authority is gone"
        );
        let fault = unpack_plugged_in(directory.path(), &files(&["ca.crt", "tls.crt"]));
        let fault = fault.expect_err("no key").to_string();
        assert!(fault.contains("ca-key.pem or tls.key"), "{fault}");
    }

    #[test]
    fn what_is_no_file_of_an_authority_is_not_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let state = Files::from([(STATE.to_owned(), b"{}".to_vec())]);
        for name in [
            "../evil.root-cert.pem",
            "ab.other",
            "ab",
            ".root-cert.pem",
            "ab/.root-key.pem",
        ] {
            let mut files = state.clone();
            files.insert(name.to_owned(), b"x".to_vec());
            let fault = unpack(directory.path(), &files).expect_err(name);
            assert!(
                fault.to_string().contains("no file of an authority"),
                "{fault}"
            );
        }
        assert!(
            unpack(directory.path(), &Files::new()).is_err(),
            "nothing is no authority"
        );
    }
}
