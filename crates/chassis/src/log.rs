//! Logs, as text for people or as JSON for machines, on standard error. Standard output belongs to what a program announces.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::failure::{Failure, WRONG_USAGE};

/// How a log line looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// One line of text.
    Text,
    /// One JSON object per line.
    Json,
}

/// The arguments about logs. Flatten them into a program's own.
#[derive(Args, Clone, Debug, Eq, PartialEq)]
#[group(skip)]
pub struct Arguments {
    /// How log lines on standard error look.
    #[arg(long, value_enum, default_value = "text", global = true)]
    pub log_format: Format,

    /// What is logged: a level (error, warn, info, debug, trace), or levels by part such as "info,ferromesh_xds=debug".
    #[arg(long, default_value = "info", global = true, value_name = "LEVELS")]
    pub log_level: String,
}

/// Starts logging for the whole process. Call it once, before the first log line.
///
/// # Errors
/// When the levels cannot be read, or when the process logs already.
pub fn start(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments {
        log_format,
        log_level,
    } = arguments;
    let levels = levels(log_level).map_err(|reason| {
        Failure::with_status(format!("--log-level {log_level}: {reason}"), WRONG_USAGE)
    })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = match log_format {
        Format::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(levels))
        .try_init()
        .map_err(|error| Failure::new(format!("cannot start logging: {error}")))
}

/// `Targets` and not `EnvFilter`: nobody filters by span here, and the regular expressions of the latter cost memory.
fn levels(text: &str) -> Result<Targets, String> {
    // It takes a misspelt level for the name of a part, and then logs nothing else.
    let is_wrong = |part: &&str| !part.contains('=') && part.parse::<LevelFilter>().is_err();
    match text.split(',').map(str::trim).find(is_wrong) {
        Some(part) => Err(format!(
            "{part:?} is no level (error, warn, info, debug, trace or off) and no PART=LEVEL"
        )),
        None => text.parse().map_err(|error| format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::levels;

    #[test]
    fn a_misspelt_level_is_refused() {
        for (text, fine) in [
            ("info", true),
            ("WARN", true),
            ("off", true),
            ("info,ferromesh_xds=debug", true),
            ("info, ferromesh_xds=debug", true),
            ("loud", false),
            ("info,ferromesh_xds=loud", false),
            ("info,ferromesh_xds", false),
        ] {
            assert_eq!(levels(text).is_ok(), fine, "{text}");
        }
    }
}
