//! Envoy's logs become the agent's, each entry with its level and component.

use std::collections::VecDeque;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::ChildStderr;
use tokio::task::JoinHandle;

/// The form in which Envoy is told to log: level, component, message, in one line.
pub const FORMAT: &str = "%l %n %v";

/// Lines longer than this are cut.
const LONGEST: usize = 16 * 1024;

/// Reads Envoy's standard error until it is closed.
#[derive(Debug)]
pub struct Relay {
    task: Option<JoinHandle<Option<String>>>,
}

impl Relay {
    /// Relays in a task of its own.
    pub fn start(stderr: Option<ChildStderr>) -> Self {
        Self {
            task: stderr.map(|stderr| tokio::spawn(relay(stderr))),
        }
    }

    /// Waits until Envoy has closed its standard error, and returns the last severe thing that it said.
    pub async fn finish(&mut self) -> Option<String> {
        self.task.take()?.await.ok().flatten()
    }
}

async fn relay(stderr: impl AsyncRead + Unpin) -> Option<String> {
    let mut reader = BufReader::with_capacity(4 * 1024, stderr);
    let mut line = Vec::new();
    let mut severe = VecDeque::with_capacity(1);
    while next_line(&mut reader, &mut line).await {
        let text = String::from_utf8_lossy(&line);
        let entry = Entry::read(&text);
        if matches!(entry.level, Level::Critical | Level::Raw) {
            severe.clear();
            severe.push_back(entry.message.to_owned());
        }
        entry.log();
    }
    severe.pop_front()
}

/// Reads a line, of which at most [`LONGEST`] bytes are kept. Says false at the end.
async fn next_line(reader: &mut (impl AsyncBufReadExt + Unpin), line: &mut Vec<u8>) -> bool {
    line.clear();
    let mut any = false;
    loop {
        let Ok(chunk) = reader.fill_buf().await else {
            return any;
        };
        if chunk.is_empty() {
            return any;
        }
        any = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let (part, consumed) = match end {
            Some(end) => (&chunk[..end], end + 1),
            None => (chunk, chunk.len()),
        };
        let room = LONGEST.saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        reader.consume(consumed);
        if end.is_some() {
            return true;
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Level {
    Critical,
    Error,
    Warning,
    Info,
    Debug,
    Trace,
    /// A line that is not in the form that was asked for: the dynamic linker's, or a crash report's.
    Raw,
}

#[derive(Debug, Eq, PartialEq)]
struct Entry<'line> {
    level: Level,
    component: &'line str,
    message: &'line str,
}

impl<'line> Entry<'line> {
    fn read(line: &'line str) -> Self {
        let mut parts = line.splitn(3, ' ');
        let known = parts.next().and_then(|level| match level {
            "critical" => Some(Level::Critical),
            "error" => Some(Level::Error),
            "warning" => Some(Level::Warning),
            "info" => Some(Level::Info),
            "debug" => Some(Level::Debug),
            "trace" => Some(Level::Trace),
            _ => None,
        });
        match (known, parts.next(), parts.next()) {
            (Some(level), Some(component), Some(message)) => Self {
                level,
                component,
                message,
            },
            _ => Self {
                level: Level::Raw,
                component: "",
                message: line,
            },
        }
    }

    fn log(&self) {
        let Self {
            level,
            component,
            message,
        } = self;
        match level {
            Level::Critical | Level::Error => {
                tracing::error!(target: "envoy", component, "{message}")
            }
            Level::Warning => tracing::warn!(target: "envoy", component, "{message}"),
            Level::Info => tracing::info!(target: "envoy", component, "{message}"),
            Level::Debug => tracing::debug!(target: "envoy", component, "{message}"),
            Level::Trace => tracing::trace!(target: "envoy", component, "{message}"),
            Level::Raw => tracing::warn!(target: "envoy", "{message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_level() {
        let check = |line, level, component, message| {
            assert_eq!(
                Entry::read(line),
                Entry {
                    level,
                    component,
                    message
                }
            );
        };
        check("warning config a b", Level::Warning, "config", "a b");
        check("critical main no", Level::Critical, "main", "no");
        check("envoy:not found", Level::Raw, "", "envoy:not found");
        check("info x", Level::Raw, "", "info x");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_last_severe_entry_is_kept_and_endless_lines_are_cut() {
        let endless = "x".repeat(3 * LONGEST);
        let log = "critical main cannot bind\ninfo main exiting\n";
        assert_eq!(relay(log.as_bytes()).await.as_deref(), Some("cannot bind"));
        assert_eq!(
            relay(endless.as_bytes()).await.map(|line| line.len()),
            Some(LONGEST)
        );
        assert_eq!(relay(&b""[..]).await, None);
    }
}
