//! Where the programs are that tests run: ours beside the test itself, and Envoy.

use std::path::{Path, PathBuf};

/// A program of this workspace, e.g. `ferromesh-agent`, from the target directory of whatever runs now.
///
/// # Panics
/// When it hasn't been built. Cargo builds the libraries that a test uses, but not the programs.
pub fn program(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("a program knows where it is");
    let mut folder = this.parent().expect("a program lies in a folder");
    if folder.ends_with("deps") {
        folder = folder
            .parent()
            .expect("deps lies in the folder of the profile");
    }
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build --bins` first",
        path.display()
    );
    path
}

/// The stock Envoy: that of `$ENVOY`, or the one that `cargo xtask envoy` has obtained.
///
/// # Panics
/// When there is none. A test that needs Envoy fails without it.
pub fn envoy() -> PathBuf {
    if let Some(own) = std::env::var_os("ENVOY").filter(|own| !own.is_empty()) {
        let path = PathBuf::from(own);
        assert!(
            path.is_file(),
            "ENVOY={}: there is no such file",
            path.display()
        );
        return path;
    }
    let path = workspace().join(".cache/envoy-1.40.0/envoy");
    assert!(
        path.is_file(),
        "{} is missing: run `cargo xtask envoy` first, or set ENVOY",
        path.display()
    );
    path
}

/// The archive of one of our images, e.g. `echo`, as `cargo xtask images` has built it.
///
/// # Panics
/// When it hasn't.
pub fn image(name: &str) -> PathBuf {
    let path = workspace().join(format!("target/images/{name}.tar"));
    assert!(
        path.is_file(),
        "{} is missing: run `make images` first",
        path.display()
    );
    path
}

/// The folder of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("crates/testkit is two deep")
}
