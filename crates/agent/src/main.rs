//! `ferromesh-agent`: see the library of the same name.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ferromesh_agent::{arguments, beside, capture, proxy};
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
    ///
    /// Envoy takes its configuration from the control plane directly; the agent restarts it when it dies, passes its logs on
    /// (access logs to standard output, everything else to standard error), and drains it before it ends. One JSON line on
    /// standard output tells the addresses that were chosen. Envoy never outlives the agent, and no file is written.
    #[command(after_long_help = "\
Examples:
  # Without capture: others reach the workload at 127.1.0.1, it listens at 127.0.0.1, and finds
  # services at 127.1.0.2 (by their ports, or by HTTP proxy at port 15002).
  ferromesh-agent proxy --plaintext-xds 127.0.0.1:15010 --workload web-0 --namespace shop \\
      --address 127.1.0.1 --outbound-address 127.1.0.2 --envoy ./envoy

  # With capture: rules of the kernel redirect to the ports 15001 and 15006.
  ferromesh-agent proxy --plaintext-xds 127.0.0.1:15010 --workload web-0 --namespace shop \\
      --address 10.1.2.3 --interception-mode REDIRECT")]
    Proxy(Box<arguments::Arguments>),
    /// Has the kernel bring a pod's traffic to its proxy: once, before the proxy and the application start.
    ///
    /// Needs root with CAP_NET_ADMIN, and nothing else. What it has set before is replaced.
    #[command(after_long_help = "\
Example:
  ferromesh-agent capture --exclude-inbound-ports 9100 --exclude-outbound-ip-ranges 10.96.0.1/32")]
    Capture(Box<capture::arguments::Arguments>),
    /// Tells the clients of the proxy in this pod that it will end, and returns at once: it goes on until it is ended.
    AnnounceDrain(beside::Beside),
    /// Waits until the proxy in this pod is ready.
    Wait(beside::Wait),
    /// Runs a program that is killed when its parent dies.
    #[command(name = leash::SUBCOMMAND, hide = true)]
    Leash(leash::Arguments),
}

fn main() -> ExitCode {
    let Arguments { command } = ferromesh_chassis::arguments::read();
    let outcome = match command {
        Command::Proxy(arguments) => run(*arguments),
        Command::Capture(arguments) => capture(*arguments),
        Command::AnnounceDrain(beside) => on_one_thread(beside::announce_drain(&beside)),
        Command::Wait(wait) => on_one_thread(beside::wait(&wait)),
        Command::Leash(arguments) => Err(leash::exec(arguments)),
    };
    failure::exit(outcome)
}

fn capture(arguments: capture::arguments::Arguments) -> Result<(), Failure> {
    ferromesh_chassis::log::start(&arguments.log)?;
    match arguments.scope()? {
        Some(scope) => capture::run(&scope),
        None => Ok(()),
    }
}

fn run(arguments: arguments::Arguments) -> Result<(), Failure> {
    ferromesh_chassis::log::start(&arguments.log)?;
    let settings = arguments.settings()?;
    on_one_thread(proxy::run(settings))
}

/// There is little to do, and Envoy's leash is held by the thread that starts it.
fn on_one_thread(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    runtime.block_on(work)
}
