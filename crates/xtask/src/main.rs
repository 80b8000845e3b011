//! The workspace's own chores: what developers and the Makefile run beside cargo itself.
//!
//! `cargo xtask check` keeps the house in order. Every check is a function from facts (the
//! workspace as cargo sees it, the texts of its files) to findings; each finding says what is
//! wrong and the way out. Reading order: `workspace`, `check`, then one file per check;
//! `generated` lists the files that are written by programs; `envoy`, `cluster`, `images` and `bench` stand alone.

mod bench;
mod check;
mod cluster;
mod definitions;
mod descriptors;
mod envoy;
mod generated;
mod images;
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
    /// the envoy-types crate), docs/supported-fields.md (from the table of the dialects), crds/ and
    /// the templates of charts/ferromesh-crds/ (from the schemas of the api crate).
    #[command(alias = "descriptors")]
    Generate,
    /// Measure what the control plane costs (needs valgrind) and print the tables of
    /// docs/performance.md.
    Bench,
    /// Obtain the stock Envoy that the demo and the tests run, and print its path
    /// (ENVOY=/path/to/envoy uses one's own).
    Envoy,
    /// Build the programs of the test cluster from source (needs Go; minutes, once), and print their folder.
    Cluster,
    /// Build the images as OCI archives in target/images, and print them. The same input gives the same digest.
    Images {
        /// Which of them.
        #[arg(default_values = ["operator", "proxy", "echo"])]
        names: Vec<images::Name>,
        /// The profile of cargo's that the programs are built with.
        #[arg(long, default_value = "dev")]
        profile: String,
        /// The tag of the images.
        #[arg(long, default_value = "dev")]
        tag: String,
    },
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
        Chore::Cluster => println!("{}", cluster::run(&workspace::root())?.display()),
        Chore::Images {
            names,
            profile,
            tag,
        } => {
            let order = images::Order {
                profile: profile.clone(),
                tag: tag.clone(),
            };
            for archive in images::run(&workspace::root(), &order, names)? {
                println!("{}", archive.display());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
