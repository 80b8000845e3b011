//! What a certificate says of the workload beside its identity: labels in a DNS name.
//!
//! The name is `WORKLOAD.APP.VERSION.CLUSTER.wl.mesh`. What a part has that a label of a DNS name
//! can't have is written as in [`ESCAPES`]: `.` as `--d`, `_` as `--u`, and each `-` that stands
//! next to another one as `--h`, so that every text is written in one way and read in one way. A
//! part of which more than 63 characters would be written is cut and ends in `--t`; if the whole
//! name would be longer than 253 characters, every part is cut at 60. A part that is no value of a
//! Kubernetes label (letters, digits, `-`, `_` and `.`, the first and the last one a letter or a
//! digit; but as long as it likes) is written as `unknown`.

use std::fmt;
use std::sync::Arc;

/// What every such DNS name ends with. No name of the control plane may end so.
pub const SUFFIX: &str = ".wl.mesh";

/// What stands for a part that is not known, as in Istio's metrics.
pub const UNKNOWN: &str = "unknown";

/// What is written for what can't stand in the label of a DNS name, and what is read for it: a
/// reader replaces them in this order. `~` marks a part that was cut.
pub const ESCAPES: [(&str, &str); 4] = [("--d", "."), ("--u", "_"), ("--t", "~"), ("--h", "-")];

/// The longest label of a DNS name.
const LONGEST_PART: usize = 63;

/// The longest DNS name.
const LONGEST_NAME: usize = 253;

/// The longest part of a name whose parts are all long: four of these, the dots between them and
/// the suffix are at most 253 characters.
const PART_OF_LONGEST_NAME: usize = 60;

/// What ends a part that was cut.
const CUT: &str = "--t";

/// What is known of a workload, for metrics and nothing else: all parts are written out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadLabels {
    name: Arc<str>,
}

/// The parts of [`WorkloadLabels`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The name of what made the pod, such as its Deployment, or of the WorkloadEntry.
    pub workload: &'a str,
    /// The canonical service.
    pub app: &'a str,
    /// Its revision.
    pub version: &'a str,
    /// The cluster that it runs in.
    pub cluster: &'a str,
}

impl WorkloadLabels {
    /// Takes the parts.
    pub fn new(parts: Parts<'_>) -> Self {
        let Parts {
            workload,
            app,
            version,
            cluster,
        } = parts;
        let parts = [workload, app, version, cluster];
        let mut name = joined(parts, LONGEST_PART);
        if name.len() > LONGEST_NAME {
            name = joined(parts, PART_OF_LONGEST_NAME);
        }
        Self {
            name: Arc::from(name),
        }
    }

    /// Labels of which nothing is known.
    pub fn unknown() -> Self {
        Self::new(Parts {
            workload: UNKNOWN,
            app: UNKNOWN,
            version: UNKNOWN,
            cluster: UNKNOWN,
        })
    }

    /// Reads a DNS name; `None` if it is none of these.
    pub fn from_dns_name(name: &str) -> Option<Self> {
        let parts = name.strip_suffix(SUFFIX)?.split('.').count();
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        let whole = name.split('.').all(|part| !part.is_empty());
        (parts == 4 && whole && name.len() <= LONGEST_NAME && name.bytes().all(sound)).then(|| {
            Self {
                name: Arc::from(name),
            }
        })
    }

    /// The DNS name in which a certificate carries them.
    pub fn dns_name(&self) -> &str {
        &self.name
    }

    /// The workload, the app, the version and the cluster, as they were before they were written.
    pub fn parts(&self) -> [String; 4] {
        let mut written = self.name.split('.');
        std::array::from_fn(|_| unescaped(written.next().unwrap_or(UNKNOWN)))
    }
}

fn joined(parts: [&str; 4], longest: usize) -> String {
    let mut name = parts.map(|part| escaped(part, longest)).join(".");
    name.push_str(SUFFIX);
    name
}

/// A part as it stands in the name.
fn escaped(part: &str, longest: usize) -> String {
    if !is_label_value(part) {
        return UNKNOWN.to_owned();
    }
    let bytes = part.as_bytes();
    let mut written = String::with_capacity(longest);
    let mut uncut = 0;
    for (index, byte) in bytes.iter().enumerate() {
        let next_to_hyphen = bytes.get(index + 1) == Some(&b'-')
            || (index > 0 && bytes.get(index - 1) == Some(&b'-'));
        match byte {
            b'.' => written.push_str("--d"),
            b'_' => written.push_str("--u"),
            b'-' if next_to_hyphen => written.push_str("--h"),
            other => written.push(char::from(*other)),
        }
        if written.len() > longest {
            written.truncate(uncut);
            written.push_str(CUT);
            break;
        }
        if written.len() + CUT.len() <= longest {
            uncut = written.len();
        }
    }
    written
}

fn unescaped(written: &str) -> String {
    ESCAPES.iter().fold(written.to_owned(), |text, (from, to)| {
        text.replace(from, to)
    })
}

/// Whether Kubernetes takes this as the value of a label, but for its length.
fn is_label_value(text: &str) -> bool {
    let bytes = text.as_bytes();
    let at_ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    at_ends(bytes.first()) && at_ends(bytes.last()) && bytes.iter().all(inside)
}

impl fmt::Debug for WorkloadLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(parts: [&str; 4]) -> WorkloadLabels {
        let [workload, app, version, cluster] = parts;
        WorkloadLabels::new(Parts {
            workload,
            app,
            version,
            cluster,
        })
    }

    #[test]
    fn names_are_written_as_specified() {
        let long = "a".repeat(64);
        let cut = format!("{}--t", "a".repeat(60));
        for (part, written) in [
            ("web-v1", "web-v1"),
            ("v1.2", "v1--d2"),
            ("a_b", "a--ub"),
            ("a--b", "a--h--hb"),
            ("a-.b", "a---db"),
            ("xn.a", "xn--da"),
            ("A", "A"),
            ("", "unknown"),
            ("-a", "unknown"),
            ("a.", "unknown"),
            ("a b", "unknown"),
            ("ä", "unknown"),
            ("a/b", "unknown"),
            ("a\0b", "unknown"),
            (&long, &cut),
            (&long[..63], &long[..63]),
        ] {
            let name = format!("{written}.app.v1.c1.wl.mesh");
            assert_eq!(labels([part, "app", "v1", "c1"]).dns_name(), name, "{part}");
        }
    }

    #[test]
    fn four_long_parts_fit_into_a_name() {
        let long = "a".repeat(63);
        let name = labels([&long; 4]);
        assert!(name.dns_name().len() <= LONGEST_NAME, "{name:?}");
        assert_eq!(
            name.parts(),
            std::array::from_fn(|_| format!("{}~", "a".repeat(57)))
        );
    }

    #[test]
    fn other_names_are_not_read() {
        for name in [
            "istiod.istio-system.svc",
            "a.b.c.d",
            "a.b.c.wl.mesh",
            "a.b.c.d.e.wl.mesh",
            "a..c.d.wl.mesh",
            "a.b.c.*.wl.mesh",
            "wl.mesh",
            ".wl.mesh",
        ] {
            assert_eq!(WorkloadLabels::from_dns_name(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            parts in prop::array::uniform4("[a-zA-Z0-9]([-a-z0-9_.]{0,14}[a-zA-Z0-9])?")
        ) {
            let [a, b, c, d] = &parts;
            let written = labels([a, b, c, d]);
            prop_assert_eq!(written.parts(), parts.clone());
            prop_assert_eq!(WorkloadLabels::from_dns_name(written.dns_name()), Some(written));
        }

        #[test]
        fn whatever_it_is_given_it_is_a_dns_name_of_the_mesh(
            parts in prop::array::uniform4(prop_oneof![".{0,80}", "[-_.a]{0,300}", "[a-z][-_.]{0,100}z"])
        ) {
            let [a, b, c, d] = &parts;
            let written = labels([a, b, c, d]);
            let name = written.dns_name();
            prop_assert!(name.len() <= LONGEST_NAME && name.ends_with(SUFFIX), "{}", name);
            prop_assert_eq!(name.split('.').count(), 6);
            for part in name.split('.') {
                prop_assert!((1..=LONGEST_PART).contains(&part.len()), "{}", name);
                prop_assert!(!part.starts_with('-') && !part.ends_with('-'), "{}", name);
                prop_assert!(part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{}", name);
            }
        }
    }
}
