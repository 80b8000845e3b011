//! Processes as the kernel's files show them, safe against numbers that are given again.

use std::fs;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};

/// A process of this machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Process {
    /// Its number in the first namespace.
    pub id: u32,
    /// When it began, in the kernel's count: another one with its number began later.
    pub began: u64,
}

impl Process {
    /// A process that there never is.
    pub const NOBODY: Self = Self { id: 0, began: 0 };

    /// Whether it runs. A zombie doesn't, and when the first of its namespace is one, all others are gone.
    pub fn is_alive(self) -> bool {
        stat(self.id).is_some_and(|stat| stat.began == self.began && !stat.is_over)
    }

    /// The first child of a process.
    pub fn child_of(parent: u32) -> Option<Self> {
        all().find_map(|id| {
            let stat = stat(id)?;
            (stat.parent == parent).then_some(Self {
                id,
                began: stat.began,
            })
        })
    }

    /// Processes of the same namespaces of processes and of mounts (so not those of containers) which run a program of
    /// this name.
    pub fn companions(self, program: &str) -> Vec<Self> {
        let spaces = |id: u32| {
            let space = |kind| fs::read_link(folder(id).join("ns").join(kind)).ok();
            Some((space("pid")?, space("mnt")?))
        };
        let Some(ours) = spaces(self.id) else {
            return Vec::new();
        };
        all()
            .filter(|id| runs(*id, program) && spaces(*id).as_ref() == Some(&ours))
            .filter_map(|id| {
                let stat = stat(id).filter(|stat| !stat.is_over)?;
                Some(Self {
                    id,
                    began: stat.began,
                })
            })
            .collect()
    }

    /// Sends it a signal.
    pub fn signal(self, signal: Signal) {
        let id = i32::try_from(self.id).ok().and_then(Pid::from_raw);
        if let Some(id) = id.filter(|_| self.is_alive()) {
            // It may have ended in this moment.
            let _ = kill_process(id, signal);
        }
    }
}

/// How many instances of inotify the processes of this machine have.
pub fn watchers() -> usize {
    all()
        .flat_map(|id| fs::read_dir(folder(id).join("fd")).into_iter().flatten())
        .flatten()
        .filter(|file| {
            fs::read_link(file.path()).is_ok_and(|target| target.ends_with("anon_inode:inotify"))
        })
        .count()
}

fn folder(id: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{id}"))
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn runs(id: u32, program: &str) -> bool {
    let Ok(arguments) = fs::read(folder(id).join("cmdline")) else {
        return false;
    };
    let path = arguments
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default();
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name == program.as_bytes()
}

struct Stat {
    parent: u32,
    is_over: bool,
    began: u64,
}

fn stat(id: u32) -> Option<Stat> {
    parse(&fs::read_to_string(folder(id).join("stat")).ok()?)
}

/// Reads `/proc/N/stat`. The name, which is in parentheses, may hold anything, parentheses included.
fn parse(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // A first thread that has ended waits for the others, which still hold files and ports.
    let threads: u32 = fields.get(17)?.parse().ok()?;
    Some(Stat {
        is_over: matches!(*fields.first()?, "Z" | "X") && threads <= 1,
        parent: fields.get(1)?.parse().ok()?,
        began: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Process, parse};

    #[test]
    fn names_with_parentheses_are_skipped() {
        let text =
            "7 (a) Z 9 (b)) S 3 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1 1 1".to_owned();
        let stat = parse(&text).expect("a line of the kernel's");
        assert_eq!((stat.parent, stat.began, stat.is_over), (3, 4711, false));
    }

    #[test]
    fn a_process_is_over_when_its_last_thread_is() {
        for (threads, is_over) in [(1, true), (2, false)] {
            let text =
                format!("7 (a) Z 3 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 {threads} 0 4711 1 1 1 1");
            assert_eq!(parse(&text).map(|stat| stat.is_over), Some(is_over));
        }
    }

    #[test]
    fn a_child_is_found_and_is_over_when_it_is_killed() {
        let mut sleeper = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .expect("sleep is there");
        let child = Process::child_of(std::process::id()).expect("a child");
        assert_eq!(child.id, sleeper.id());
        assert!(child.is_alive());
        child.signal(rustix::process::Signal::KILL);
        sleeper.wait().expect("its end");
        assert!(!child.is_alive());
        assert!(!Process::NOBODY.is_alive());
    }
}
