//! `ferromesh-agent`: see the library of the same name.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ferromesh_agent::{arguments, proxy};
use ferromesh_chassis::{Failure, failure, leash};

/// Gives one workload its Envoy: starts it, configures it from the control plane, watches over it and drains it.
#[derive(Parser)]
#[command(name = "ferromesh-agent")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs Envoy as the proxy of one workload, until SIGTERM or Ctrl-C.
    Proxy(Box<arguments::Arguments>),
    /// Runs a program that is killed when its parent dies.
    #[command(name = leash::SUBCOMMAND, hide = true)]
    Leash(leash::Arguments),
}

fn main() -> ExitCode {
    let Arguments { command } = ferromesh_chassis::arguments::read();
    let outcome = match command {
        Command::Proxy(arguments) => run(*arguments),
        Command::Leash(arguments) => Err(leash::exec(arguments)),
    };
    failure::exit(outcome)
}

fn run(arguments: arguments::Arguments) -> Result<(), Failure> {
    ferromesh_chassis::log::start(&arguments.log)?;
    let settings = arguments.settings()?;
    // One thread: there is little to do, and Envoy's leash is held by the thread that starts it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    runtime.block_on(proxy::run(settings))
}
