//! Equal views are equal bytes in every process.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::Command;

use ferromesh_target_envoy as target_envoy;

#[path = "views/views.rs"]
mod views;

/// Asks this program for nothing but its digest.
const CHILD: &str = "FERROMESH_TEST_DIGEST";

#[test]
fn equal_bytes_in_another_process() {
    // `DefaultHasher::new` has no random keys.
    let mut hasher = DefaultHasher::new();
    for emitted in views::all().iter().map(target_envoy::emit) {
        emitted.body.hash(&mut hasher);
    }
    let digest = format!("digest {:x}", hasher.finish());
    if std::env::var_os(CHILD).is_some() {
        println!("{digest}");
        return;
    }
    let program = std::env::current_exe().expect("the path of this test");
    let output = Command::new(program)
        .args(["--nocapture", "equal_bytes_in_another_process"])
        .env(CHILD, "")
        .output()
        .expect("this test runs");
    let other = String::from_utf8_lossy(&output.stdout);
    assert!(other.contains(&digest), "{digest} is not in {other}");
}
