//! `ferromesh-operator`: the control plane as a program.

use std::process::ExitCode;

use clap::Parser;
use ferromesh_chassis::{arguments, failure};
use ferromesh_operator::arguments::{Arguments, Command};

/// The system's allocator keeps what the first burst of a thousand proxies has left behind, which
/// is a third of their memory.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The control plane of Ferromesh: reads Kubernetes and Istio manifests, serves Envoys by xDS, and mints the certificates of
/// workloads.
///
/// It watches a source, compiles what it finds, and pushes every change to the proxies that it concerns. Mistakes in
/// manifests are reported (in the log and at /debug/diagnostics) with file, line, field and a way out, while the last
/// accepted version stays in force; they never end the program.
///
/// At the start it prints one JSON line with the addresses that it listens on. SIGTERM and SIGINT end it after its streams
/// have been closed in good order.
#[derive(Debug, Parser)]
#[command(
    name = "ferromesh-operator",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_long_help = "\
Examples:
  ferromesh-operator --source dir:samples/shop --default-namespace ecommerce --state state
  ferromesh-operator rotate-root --state state

Paths on the debug address:
  /ready                                200 once everything found at the start is compiled
  /version                              the version of this build
  /metrics                              Prometheus metrics; names that dashboards know are Istio's
  /debug/syncz                          which proxies are connected and whether they are up to date
  /debug/config_dump?proxy=NAME.NAMESPACE   what a connected proxy is served, as Envoy shows it
  /debug/endpointz                      the endpoints of every cluster
  /debug/diagnostics                    what is wrong with the manifests, as `ferromesh analyze -o json`"
)]
struct Program {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    arguments: Arguments,
}

fn main() -> ExitCode {
    let Program { command, arguments } = arguments::read();
    failure::exit(match command {
        Some(Command::RotateRoot(arguments)) => ferromesh_operator::rotate(&arguments),
        None => ferromesh_operator::run(arguments),
    })
}
