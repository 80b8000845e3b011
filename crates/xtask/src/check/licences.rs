//! Every package that is built has a licence that goes with Apache-2.0.

use super::Finding;
use crate::workspace::Workspace;

/// Licences that may be combined with ours and need no more than to be named.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages under another licence, each with the reason why that is fine.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "imbl",
        "MPL-2.0+",
        "used as it is published; MPL binds changes to its own files only",
    ),
    ("imbl-sized-chunks", "MPL-2.0+", "part of imbl"),
    ("bitmaps", "MPL-2.0+", "part of imbl"),
];

pub fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in workspace.packages.values() {
        let excepted = EXCEPTIONS
            .iter()
            .any(|(name, license, _)| *name == package.name && *license == package.license);
        if excepted || is_allowed(&package.license) {
            continue;
        }
        findings.push(Finding::new(
            format!(
                "{} {} is under {:?}",
                package.name, package.version, package.license
            ),
            "take another crate, or argue for an exception in crates/xtask/src/check/licences.rs",
        ));
    }
    findings
}

/// Whether one of the choices of an SPDX expression is allowed. `AND` binds tighter than `OR`;
/// crates.io's old `/` is `OR`.
fn is_allowed(expression: &str) -> bool {
    let text = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<_> = text.split_whitespace().collect();
    let mut at = 0;
    let result = any_of(&words, &mut at);
    result && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize) -> bool {
    let mut result = all_of(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        result |= all_of(words, at);
    }
    result
}

fn all_of(words: &[&str], at: &mut usize) -> bool {
    let mut result = one(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        result &= one(words, at);
    }
    result
}

fn one(words: &[&str], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if *word == "(" {
        let result = any_of(words, at);
        *at += 1;
        return result;
    }
    if words.get(*at) == Some(&"WITH") {
        let name = format!("{word} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
        return ALLOWED.contains(&name.as_str());
    }
    ALLOWED.contains(word)
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn expressions_are_read_as_spdx_does() {
        for (expression, allowed) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("GPL-3.0-only OR MIT", true),
            ("GPL-3.0-only AND MIT", false),
            ("MIT/Apache-2.0", true),
            ("(MIT OR GPL-2.0-only) AND Unicode-3.0", true),
            ("(MIT OR Apache-2.0) AND GPL-2.0-only", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("GPL-2.0-only WITH Classpath-exception-2.0", false),
            ("", false),
            ("MIT AND", false),
        ] {
            assert_eq!(is_allowed(expression), allowed, "{expression:?}");
        }
    }
}
