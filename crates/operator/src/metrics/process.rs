//! The `process_*` metrics that every dashboard expects, read from `/proc` at each scrape.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::gauge::ConstGauge;

use super::count::Count;

/// Clock ticks per second in `/proc`: 100 on every Linux, whatever the kernel's own clock is.
const TICKS: f64 = 100.0;

/// The process at the time of a scrape.
#[derive(Debug)]
pub struct Process {
    started: f64,
}

impl Process {
    /// This process, which has just started.
    pub fn started_now() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            started: since_epoch.as_secs_f64(),
        }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        let values = [
            (
                "process_start_time_seconds",
                "When the process started, since the epoch",
                Some(self.started),
            ),
            (
                "process_cpu_seconds_total",
                "CPU time of all threads",
                cpu_seconds(&stat),
            ),
            (
                "process_resident_memory_bytes",
                "Resident memory",
                kibibytes(&status, "VmRSS:"),
            ),
            (
                "process_virtual_memory_bytes",
                "Virtual memory",
                kibibytes(&status, "VmSize:"),
            ),
            ("process_threads", "Threads", field(&status, "Threads:")),
            (
                "process_open_fds",
                "Open file descriptors",
                Some(open as f64),
            ),
            (
                "process_max_fds",
                "Limit of open file descriptors",
                field(&limits, "Max open files"),
            ),
        ];
        for (name, help, value) in values {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(value);
            let ty = if name.ends_with("_total") {
                Count::TYPE
            } else {
                gauge.metric_type()
            };
            gauge.encode(encoder.encode_descriptor(name, help, None, ty)?)?;
        }
        Ok(())
    }
}

/// User and system time from `/proc/self/stat`, whose second field may hold spaces.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

/// The first number after a heading at the start of a line.
fn field(text: &str, heading: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(heading))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kibibytes(status: &str, heading: &str) -> Option<f64> {
    field(status, heading).map(|value| value * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::{cpu_seconds, field, kibibytes};

    #[test]
    fn proc_is_read_as_the_kernel_writes_it() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 100 1 1";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(
            kibibytes("Name:\tx\nVmRSS:\t    12 kB\n", "VmRSS:"),
            Some(12288.0)
        );
        assert_eq!(
            field(
                "Max open files            1024                 4096  files\n",
                "Max open files"
            ),
            Some(1024.0)
        );
        assert_eq!(field("", "Threads:"), None);
    }
}
