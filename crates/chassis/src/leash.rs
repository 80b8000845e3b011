//! The leash: a child that the kernel kills when its parent dies, even of SIGKILL.
//!
//! A process can ask for that only for itself, and the code that runs between fork and exec is out of reach of safe Rust.
//! So a program starts *itself* with the hidden subcommand `leash`, which asks, and then becomes the program that was meant.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::failure::Failure;

/// The name of the subcommand that a program offers for this, hidden from its help.
pub const SUBCOMMAND: &str = "leash";

/// The arguments of that subcommand.
#[derive(Args, Clone, Debug, Eq, PartialEq)]
#[group(skip)]
pub struct Arguments {
    /// The process with which the program is to die.
    #[arg(long)]
    parent: i32,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// The command that runs `program` on the leash of this process; add its arguments to it.
///
/// `holder` is an executable that offers the subcommand, `/proc/self/exe` for one that offers it itself. The child keeps
/// the process id that it has from the start. Spawn it from a thread that lives as long as the child shall: Linux counts
/// the death of that thread.
pub fn command(holder: impl AsRef<OsStr>, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(holder);
    command
        .arg(SUBCOMMAND)
        .arg("--parent")
        .arg(std::process::id().to_string())
        .arg("--")
        .arg(program);
    command
}

/// Becomes the program on the leash. Returns only when that fails.
pub fn exec(arguments: Arguments) -> Failure {
    let Arguments { parent, command } = arguments;
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return Failure::new(format!("cannot bind a child to its parent's life: {error}"));
    }
    // A parent that died before the call above would never be noticed.
    if getppid().map(Pid::as_raw_pid) != Some(parent) {
        return Failure::new("the parent is gone");
    }
    let mut words = command.into_iter();
    let Some(program) = words.next().map(PathBuf::from) else {
        return Failure::new("no program is given");
    };
    let error = Command::new(&program).args(words).exec();
    Failure::new(format!("{}: {error}", program.display()))
}
