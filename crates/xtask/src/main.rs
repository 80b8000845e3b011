//! `cargo xtask`: what developers and the Makefile run beside cargo itself.

mod envoy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What developers and the Makefile run beside cargo itself.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Obtains the stock Envoy that the demo and the tests run, and prints its path (ENVOY=/path uses one's own).
    Envoy,
}

fn main() -> ExitCode {
    let Arguments { task } = Arguments::parse();
    let outcome = match task {
        Task::Envoy => envoy::run().map(|path| println!("{}", path.display())),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
