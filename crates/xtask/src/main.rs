//! The workspace's own chores: what developers and the Makefile run beside cargo itself.
//!
//! `cargo xtask check` keeps the house in order. Every check is a function from facts (the
//! workspace as cargo sees it, the texts of its files) to findings; each finding says what is
//! wrong and the way out. Reading order: `workspace`, `check`, then one file per check;
//! `generated` lists the files that are written by programs; `envoy` and `bench` stand alone.

mod bench;
mod check;
mod descriptors;
mod envoy;
mod generated;
mod workspace;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the Ferromesh workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check that the house is in order: arrows between crates, licences, duplicate versions,
    /// lints, generated files. Exit status 1 if anything is wrong.
    Check,
    /// Write the generated files that are checked in: the descriptors of Envoy's messages (from
    /// the envoy-types crate), docs/supported-fields.md (from the table of the dialects).
    #[command(alias = "descriptors")]
    Generate,
    /// Measure what the control plane costs (needs valgrind) and print the tables of
    /// docs/performance.md.
    Bench,
    /// Obtain the stock Envoy that the demo and the tests run, and print its path
    /// (ENVOY=/path/to/envoy uses one's own).
    Envoy,
}

fn main() -> ExitCode {
    let Arguments { chore } = Arguments::parse();
    match run(&chore) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: &Chore) -> Result<ExitCode, Box<dyn Error>> {
    match chore {
        Chore::Check => return check::run(),
        Chore::Bench => bench::run(&workspace::root())?,
        Chore::Generate => generated::write(&workspace::Workspace::load()?)?,
        Chore::Envoy => println!("{}", envoy::run()?.display()),
    }
    Ok(ExitCode::SUCCESS)
}
