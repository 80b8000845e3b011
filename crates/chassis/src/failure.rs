//! The one line with which a program fails.

use std::fmt;
use std::process::ExitCode;

/// The exit status for wrong usage, as in most programs.
pub const WRONG_USAGE: u8 = 2;

/// Why a program ends without having done its work: one line for a person, and an exit status.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    line: String,
    status: u8,
}

impl Failure {
    /// A failure with exit status 1. Line breaks in the text become spaces.
    pub fn new(text: impl fmt::Display) -> Self {
        Self::with_status(text, 1)
    }

    /// A failure with this exit status, which must not be 0. Line breaks in the text become spaces.
    pub fn with_status(text: impl fmt::Display, status: u8) -> Self {
        let line = text
            .to_string()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        Self { line, status }
    }

    /// The exit status.
    pub fn status(&self) -> u8 {
        self.status
    }

    /// Prints `error: …` to standard error.
    pub fn print(&self) {
        eprintln!("error: {self}");
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.line)
    }
}

impl std::error::Error for Failure {}

/// What `main` returns: prints the failure, if there is one.
pub fn exit(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.status())
        }
    }
}
