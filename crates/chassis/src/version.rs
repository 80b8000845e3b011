//! Which build this is.

use std::sync::LazyLock;

/// The version of this build, e.g. `0.1.0`. All programs of a release have the same.
pub const NUMBER: &str = env!("CARGO_PKG_VERSION");

/// The commit that this build was made of, if `FERROMESH_COMMIT` named it at build time.
pub const COMMIT: Option<&str> = option_env!("FERROMESH_COMMIT");

static FULL: LazyLock<String> = LazyLock::new(|| {
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    match COMMIT {
        Some(commit) => format!("{NUMBER} (commit {commit}, {profile})"),
        None => format!("{NUMBER} ({profile})"),
    }
});

/// The version with what is known of the build, e.g. `0.1.0 (commit 5379fd3, release)`.
pub fn full() -> &'static str {
    &FULL
}
