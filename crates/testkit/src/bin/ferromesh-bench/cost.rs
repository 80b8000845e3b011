//! What a process costs, from `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// CPU time of all its threads so far.
pub fn cpu(process: u32) -> io::Result<Duration> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        total += text
            .split_whitespace()
            .next()
            .and_then(|nanos| nanos.parse::<u64>().ok())
            .unwrap_or_default();
    }
    Ok(Duration::from_nanos(total))
}

/// Resident memory in bytes.
pub fn resident(process: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    Ok(kib(&text, "VmRSS:")? * 1024)
}

/// Memory in KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// What is its own, with its share of what others have as well.
    pub proportional: u64,
    /// All that is resident.
    pub resident: u64,
    /// What no file backs.
    pub anonymous: u64,
}

/// Its memory, as the kernel counts it page by page.
pub fn memory(process: u32) -> io::Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    Ok(Memory {
        proportional: kib(&text, "Pss:")?,
        resident: kib(&text, "Rss:")?,
        anonymous: kib(&text, "Anonymous:")?,
    })
}

fn kib(text: &str, name: &str) -> io::Result<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse().ok())
        .ok_or_else(|| io::Error::other(format!("no {name}")))
}
